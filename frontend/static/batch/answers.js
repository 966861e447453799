// What is known of a picture, and what the visitor says of it, as values and as words.

export class Speaker {
  constructor(words, language) {
    this.words = words;
    const percent = (digits) => new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
    this.percents = [percent(0), percent(1)];
    this.numbers = new Intl.NumberFormat(language);
  }

  fill(key, values) {
    return this.words[key].replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? this.numbers.format(values[name]) : values[name]));
  }

  count(number) {
    return number === 1 ? this.words.one : this.fill("count", { count: number });
  }

  percent(share) {
    return this.percents[0].format(share);
  }

  // A model is never certain: its figures are rounded.
  likelihood(probability) {
    if (probability >= 0.9995) return `> ${this.percents[1].format(0.999)}`;
    if (probability < 0.0005) return `< ${this.percents[1].format(0.001)}`;
    return this.percents[1].format(probability);
  }

  time(seconds) {
    return seconds < 90 ? this.fill("seconds", { count: Math.max(1, Math.round(seconds)) }) : this.fill("minutes", { count: Math.round(seconds / 60) });
  }

  titles(keys) {
    return keys.map((key) => this.words.titles[key] ?? key).join(", ") || this.words.none;
  }

  error(code) {
    return this.words.errors[code] ?? this.words.errors.internal_error;
  }

  // A headline, a line below it (`brief`: as a tile has room for), and what kind of tile it is.
  describe(item) {
    const { answer, error } = item;
    const kind = kindOf(item);
    if (item.correction) return { kind, title: this.titles(item.correction), note: this.words.verdicts.corrected };
    if (error) return { kind, title: this.words.verdicts.failed, note: this.error(error.code)[0] };
    if (!answer) return { kind, title: "", note: this.words.verdicts[kind] };
    if (kind === "unknown") {
      const near = this.fill("nearest", { title: this.titles([best(answer)]) });
      const reason = this.words.reasons[answer.reason] ?? this.words.reasons.unlike;
      const brief = reason === this.words.reasons.unlike ? near : reason;
      return { kind, title: this.words.verdicts.unknown, note: `${reason}; ${near}`, brief };
    }
    const note = `${this.likelihood(confidenceOf(answer))} · ${this.words.verdicts[kind] ?? ""}`;
    return { kind, title: this.titles(classesOf(answer)), note };
  }
}

export function classesOf(answer) {
  return answer.labels ?? [answer.class];
}

export function confidenceOf(answer) {
  return answer.confidence ?? Math.max(...Object.values(answer.probabilities));
}

export function best(answer) {
  return Object.entries(answer.probabilities).reduce((one, other) => (other[1] > one[1] ? other : one))[0];
}

// sure, unsure, unknown, failed, waiting or left (not asked)
export function kindOf({ answer, error, stopped }) {
  if (error) return "failed";
  return answer ? answer.verdict : stopped ? "left" : "waiting";
}

export function matches(item, filter) {
  if (filter === "corrected") return Boolean(item.correction);
  return !filter || kindOf(item) === filter;
}

// Most doubtful first: what the model does not know, then by confidence; what has no answer last.
function doubt(item) {
  const { answer } = item;
  if (!answer) return item.error ? -1 : -2;
  return (answer.verdict === "unknown" ? 2 : answer.verdict === "sure" ? 0 : 1) + 1 - confidenceOf(answer);
}

export function sorted(items, order, speaker) {
  const names = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const title = (item) => speaker.titles(item.correction ?? (item.answer ? classesOf(item.answer) : []));
  const answered = (item) => Number(Boolean(item.answer || item.correction));
  const compare = {
    given: (a, b) => a.index - b.index,
    doubt: (a, b) => doubt(b) - doubt(a),
    class: (a, b) => answered(b) - answered(a) || names.compare(title(a), title(b)) || doubt(a) - doubt(b),
    name: (a, b) => names.compare(a.name, b.name),
  }[order];
  return [...items].sort((a, b) => compare(a, b) || a.index - b.index);
}
