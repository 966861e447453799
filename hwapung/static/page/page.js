// The page: a picture is chosen, dropped or pasted; what the model says of it appears beside it. Nothing is sent.
import { loadModel } from "./model.js";

const MOST_BYTES = 25 * 2 ** 20;
const MOST_CANDIDATES = 5; // more are no help
const SVG = "http://www.w3.org/2000/svg";
const find = (name) => document.querySelector(`[data-${name}]`);
const asked = new URLSearchParams(location.search).get("lang") ?? navigator.language;
const language = asked.startsWith("ko") ? "ko" : "en";
const words = (await (await fetch("words.json")).json())[language];
const percent = new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const either = new Intl.ListFormat(language, { type: "disjunction" });

document.documentElement.lang = language;
document.querySelectorAll("[data-word]").forEach((each) => { each.textContent = words[each.dataset.word]; });
find("language").textContent = language === "ko" ? "English" : "한국어";
find("language").lang = language === "ko" ? "en" : "ko";
find("language").href = `?lang=${language === "ko" ? "en" : "ko"}`;
find("unserved").hidden = true;

let model = null;
let newest = 0;
try {
  say(words.loading);
  model = await loadModel();
  document.title = `${model.card.title[language]} · ${words.name}`;
  find("title").textContent = model.card.title[language];
  find("summary").textContent = model.card.summary[language];
  find("limits").textContent = model.card.limits[language];
  for (const { image, label } of model.card.examples) find("examples").append(makeExample(`examples/${image}`, titleOf(label)));
  find("work").hidden = false;
  say("");
  find("announcement").textContent = words.ready;

  find("file").addEventListener("change", (event) => {
    ask(event.target.files[0]);
    event.target.value = ""; // choosing the same file again must count as a choice
  });
  addEventListener("paste", (event) => ask(event.clipboardData.files[0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    find("easel").classList.add("inviting");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) find("easel").classList.remove("inviting");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    find("easel").classList.remove("inviting");
    ask(event.dataTransfer.files[0]);
  });
  find("picture").addEventListener("load", ({ target }) => find("mount").style.setProperty("--ratio", target.naturalWidth / target.naturalHeight));
} catch (error) {
  say(`${words.failed} (${error.message})`);
}

async function ask(file) {
  if (!file) return;
  const mine = (newest += 1);
  const shown = find("picture");
  URL.revokeObjectURL(shown.src);
  shown.src = URL.createObjectURL(file);
  shown.hidden = false;
  find("easel").classList.add("filled", "busy");
  find("answer").hidden = true;
  say(words.looking);
  await new Promise((resolve) => setTimeout(resolve, 30)); // what was just said is to be seen: the model runs in this thread
  try {
    if (file.size > MOST_BYTES) throw new RangeError(words.large);
    const answer = await model.answer(file);
    if (mine === newest) show(answer);
  } catch (error) {
    if (mine !== newest) return;
    find("easel").classList.remove("filled");
    shown.hidden = true;
    say(error instanceof RangeError ? error.message : words.unreadable);
  }
  if (mine === newest) find("easel").classList.remove("busy");
}

function show(answer) {
  const unknown = answer.verdict === "unknown";
  const title = titleOf(answer.class);
  const { title: name, text, leads } = unknown ? { title: words.unknown, text: words.reasons[answer.reason], leads: true } : words.verdicts[answer.verdict];
  find("answer").classList.toggle("answer-unknown", unknown);
  find("headline").textContent = leads ? name : title;
  find("confidence-line").hidden = unknown;
  find("confidence-of").textContent = fill(leads ? words.closest : words.confidence, { title });
  find("confidence").textContent = likelihood(answer.confidence);
  find("confidence-line").append(find(leads ? "confidence" : "confidence-of")); // “97.0% confidence”, but “closest to China 97.0%”
  find("verdict").className = `verdict verdict-${answer.verdict}`;
  find("verdict-name").textContent = leads ? "" : name;
  find("verdict-text").textContent = text;
  find("nearest").textContent = unknown ? fill(words.nearest, { title }) : "";
  const { coverage, classes } = answer.prediction_set ?? { classes: [] };
  const worth = classes.length > 1 && classes.length <= MOST_CANDIDATES;
  find("candidates").textContent = worth ? fill(words.candidates, { coverage: new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(coverage), classes: either.format(classes.map(titleOf)) }) : "";
  find("anyway").hidden = !unknown;
  find("anyway").open = false;
  (unknown ? find("anyway") : find("answer")).append(find("bars"));
  const rows = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  find("bars").replaceChildren(...rows.map(([key, value]) => makeRow(key, value, key === answer.class)));
  find("answer").hidden = false;
  find("answer").dataset.said = JSON.stringify(answer);
  say("");
  find("announcement").textContent = `${find("headline").textContent}. ${unknown ? text : `${title}, ${likelihood(answer.confidence)}. ${name}`}`;
  const { top, bottom } = find("headline").getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) find("headline").scrollIntoView({ block: "center" });
}

function makeRow(key, value, chosen) {
  const row = document.createElement("li");
  row.classList.toggle("chosen", chosen);
  for (const [name, content] of [["title", titleOf(key)], ["value", likelihood(value)]]) {
    const part = document.createElement("span");
    part.className = `bar-${name}`;
    part.textContent = content;
    row.append(part);
  }
  const bar = document.createElementNS(SVG, "svg");
  const length = document.createElementNS(SVG, "rect");
  for (const [name, content] of Object.entries({ class: "bar", "aria-hidden": true, preserveAspectRatio: "none", viewBox: "0 0 1000 10" })) bar.setAttribute(name, content);
  length.setAttribute("width", 1000 * value);
  length.setAttribute("height", 10);
  bar.append(length);
  row.append(bar);
  return row;
}

function makeExample(source, title) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const image = document.createElement("img");
  Object.assign(image, { src: source, alt: `${words.example}: ${title}`, width: 96, height: 96 });
  button.append(image);
  button.addEventListener("click", async () => ask(await (await fetch(source)).blob()));
  item.append(button);
  return item;
}

function titleOf(key) {
  const label = model.card.labels.find((each) => each.key === key);
  return label?.title[language] || key;
}

// A model is never certain: its figures are rounded.
function likelihood(probability) {
  if (probability >= 0.9995) return `> ${percent.format(0.999)}`;
  if (probability < 0.0005) return `< ${percent.format(0.001)}`;
  return percent.format(probability);
}

function fill(sentence, values) {
  return sentence.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

function say(line) {
  find("status").textContent = line;
}
