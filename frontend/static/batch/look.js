// One picture large, with its classes, and where the model looked when that is asked for.

const NUMBERS = 9; // classes that a key sets

export class Look {
  // on: { go(by), correct(item, key), undo() }
  constructor(root, speaker, address, on) {
    const find = (name) => root.querySelector(`[data-look-${name}]`);
    const names = ["image", "heat", "unseen", "place", "class", "note", "name", "classes", "explain", "undo", "said", "close", "mount"];
    this.parts = Object.fromEntries(names.map((name) => [name, find(name)]));
    Object.assign(this, { dialog: root.querySelector("[data-look]"), speaker, address, on, item: null, question: null });
    const { parts, dialog } = this;
    parts.close.addEventListener("click", () => dialog.close());
    parts.explain.addEventListener("click", () => this.explain());
    parts.undo.addEventListener("click", () => on.undo());
    root.querySelectorAll("[data-look-go]").forEach((button) => button.addEventListener("click", () => on.go(Number(button.dataset.lookGo))));
    dialog.addEventListener("close", () => this.forget());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
    parts.image.addEventListener("load", () => dialog.style.setProperty("--ratio", parts.image.naturalWidth / parts.image.naturalHeight));
    parts.image.addEventListener("error", () => {
      if (!parts.image.getAttribute("src")) return;
      this.hide();
    });
  }

  get open() {
    return this.dialog.open;
  }

  async show(item, place) {
    const isOther = item !== this.item;
    if (isOther) this.forget();
    this.item = item;
    this.tell(place);
    if (!this.open) this.dialog.showModal();
    if (!isOther) return;
    const blob = await item.read().catch(() => null);
    if (this.item !== item) return;
    this.parts.mount.hidden = !blob;
    this.parts.unseen.hidden = true;
    if (blob) this.parts.image.src = this.source = URL.createObjectURL(blob);
    else this.hide();
  }

  // The browser can't show it. Where the model could not read it either, its error says enough.
  hide() {
    this.parts.mount.hidden = true;
    this.parts.unseen.hidden = Boolean(this.item?.error);
  }

  forget() {
    this.question?.abort();
    if (this.source) URL.revokeObjectURL(this.source);
    const { image, heat, said, explain } = this.parts;
    image.removeAttribute("src");
    heat.hidden = true;
    heat.removeAttribute("src");
    said.textContent = "";
    explain.setAttribute("aria-pressed", "false");
    this.item = this.source = null;
  }

  // What is said of the picture, anew.
  tell(place) {
    const { item, parts, speaker } = this;
    const { kind, title, note } = speaker.describe(item);
    parts.place.textContent = place;
    parts.class.textContent = title || note;
    parts.class.className = `look-class look-${kind}`;
    parts.note.textContent = item.error ? speaker.error(item.error.code).join(" ") : title ? note : "";
    parts.name.textContent = item.name;
    parts.undo.disabled = !this.on.undoable();
    // Where a model looked for a class that it can't tell says nothing.
    parts.explain.hidden = !item.answer || kind === "unknown";
    const keys = Object.keys(speaker.words.titles);
    const chosen = item.correction ?? (item.answer && kind !== "unknown" ? (item.answer.labels ?? [item.answer.class]) : []);
    const rows = keys.map((key, index) => this.row(key, index, chosen.includes(key)));
    const focused = parts.classes.contains(document.activeElement) ? [...parts.classes.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    parts.classes.replaceChildren(...rows);
    parts.classes.querySelectorAll("button")[focused]?.focus();
  }

  row(key, index, isChosen) {
    const { speaker, item } = this;
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "look-row";
    button.setAttribute("aria-pressed", String(isChosen));
    const probability = item.answer?.probabilities[key];
    const texts = { key: index < NUMBERS ? String(index + 1) : "", title: speaker.words.titles[key], share: probability === undefined ? "" : speaker.likelihood(probability) };
    for (const [name, text] of Object.entries(texts)) {
      const part = document.createElement("span");
      part.className = `look-row-${name}`;
      part.textContent = text;
      if (name === "key") part.setAttribute("aria-hidden", "true");
      button.append(part);
    }
    button.style.setProperty("--share", probability ?? 0);
    button.addEventListener("click", () => this.on.correct(item, key));
    row.append(button);
    return row;
  }

  // The heatmap, asked for once; then shown and hidden.
  async explain() {
    const { parts, item } = this;
    const shown = parts.explain.getAttribute("aria-pressed") === "true";
    parts.explain.setAttribute("aria-pressed", String(!shown));
    if (shown || parts.heat.src) {
      parts.heat.hidden = shown;
      return;
    }
    this.question?.abort();
    const question = (this.question = new AbortController());
    parts.mount.classList.add("asking");
    let code = "";
    try {
      const headers = { "Content-Type": "application/octet-stream" };
      const response = await fetch(this.address, { method: "POST", headers, body: await item.read(), signal: question.signal });
      const content = await response.json();
      if (item !== this.item) return;
      code = content.error?.code ?? "";
      if (!code) {
        parts.heat.src = `data:${content.explanation.media_type};base64,${content.explanation.data}`;
        parts.heat.hidden = false;
      }
    } catch {
      if (question.signal.aborted) return;
      code = "offline";
    } finally {
      parts.mount.classList.remove("asking");
    }
    if (code) parts.explain.setAttribute("aria-pressed", "false");
    parts.said.textContent = code ? this.speaker.error(code).join(" ") : "";
  }
}
