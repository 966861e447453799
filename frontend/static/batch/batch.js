// Many pictures in, a grid that fills as their answers come. Every word comes from the server (data-words).
import { keepCorrection, recallCorrections } from "../memory.js";
import { classesOf, matches, Speaker, sorted } from "./answers.js";
import { Questions } from "./ask.js";
import { holdsMany, walkDrop, walkFiles } from "./files.js";
import { Grid } from "./grid.js";
import { Look } from "./look.js";
import { download, toCsv, toJson, toZip } from "./save.js";
import { Thumbs } from "./thumbs.js";

const root = document.querySelector("[data-batch]");
if (root) prepare(root);

function prepare(root) {
  const find = (name) => root.querySelector(`[data-${name}]`);
  const names = ["title", "said", "cancel", "resume", "back", "progress", "bar", "progress-text", "sort", "grid", "none", "batch-status"];
  const [title, said, cancel, resume, back, progress, bar, progressText, sort, box, none, status] = names.map(find);
  const filters = [...root.querySelectorAll("[data-filter]")];
  const savers = [...root.querySelectorAll("[data-save]")];
  const bench = document.querySelector("[data-workbench]");
  const speaker = new Speaker(JSON.parse(root.dataset.words), document.documentElement.lang);
  const { words } = speaker;
  const keys = Object.keys(words.titles);
  const { model, task } = root.dataset;
  const limit = Number(root.dataset.maxPictureBytes);
  const UPDATE_MS = 300; // sorting and counting anew costs as much as all of it, so not at every answer

  let items = [];
  let leftOut = 0;
  let filter = "";
  let walking = 0; // drops and choices that are still read
  let began = 0;
  let took = 0; // seconds, of work that has ended
  let before = 0; // answers that were there when the work began
  let trouble = "";
  let timer = null;
  let ending = "";
  const changes = []; // { item, was }, for undo

  const limits = { address: root.dataset.address, bytes: Number(root.dataset.maxBytes), pictures: Number(root.dataset.maxPictures), pictureBytes: limit };
  const questions = new Questions(limits, {
    answer(item, { answer, error }) {
      Object.assign(item, { answer, error, done: true, stopped: false });
      grid.renew(item);
      schedule();
    },
    trouble(code) {
      trouble = code;
      schedule();
    },
  });
  const thumbs = new Thumbs();
  const grid = new Grid(box, paint, {
    leave: (item) => thumbs.drop(item),
    covered: () => (getComputedStyle(find("tools")).position === "sticky" ? find("tools").offsetHeight : 0),
  });
  const look = new Look(root, speaker, root.dataset.explain, { go, correct, undo, undoable: () => changes.length > 0 });

  // ---- pictures come in

  document.querySelector("[data-many]").hidden = false;
  document.querySelectorAll("[data-many-files]").forEach((input) =>
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = ""; // choosing the same files again must count as a choice
      if (files.length) take((leaveOut) => walkFiles(files, leaveOut, limit));
    }),
  );
  // Before the page's own: that one takes a single picture.
  document.addEventListener("drop", receive, true);
  function receive(event) {
    if (!event.dataTransfer || !event.dataTransfer.files.length || (root.hidden && !holdsMany(event.dataTransfer))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    document.querySelector("[data-easel]")?.classList.remove("inviting");
    const { dataTransfer } = event;
    take((leaveOut) => walkDrop(dataTransfer, leaveOut, limit));
  }

  async function take(walk) {
    enter();
    const kept = recallCorrections(model);
    const pictures = walk(() => leftOut++); // a drop's entries must be taken while it is handled
    walking++;
    let fresh = [];
    const hand = () => {
      if (fresh.length) run(fresh);
      fresh = [];
    };
    let looked = performance.now();
    for await (const found of pictures) {
      const correction = (await kept).get(mark(found))?.filter((key) => keys.includes(key)) ?? []; // the model may have other classes by now
      const item = { ...found, index: items.length, done: false, stopped: false, correction: correction.length ? correction : null };
      items.push(item);
      fresh.push(item);
      if (performance.now() - looked > 50) {
        hand();
        schedule();
        await new Promise((resolve) => setTimeout(resolve)); // a large folder freezes nothing
        looked = performance.now();
      }
    }
    walking--;
    hand();
    refresh();
  }

  function enter() {
    if (!root.hidden) return;
    root.hidden = false;
    if (bench) bench.hidden = true;
    title.focus({ preventScroll: true });
    scrollTo(0, root.getBoundingClientRect().top + scrollY - 16);
  }

  function leave() {
    stop("");
    items = [];
    leftOut = 0;
    changes.length = 0;
    grid.selected = null;
    thumbs.clear();
    chooseFilter("");
    root.hidden = true;
    if (bench) bench.hidden = false;
    bench?.dispatchEvent(new Event("back"));
    refresh();
    document.querySelector("[data-file]")?.focus({ preventScroll: true });
  }

  // ---- questions go out

  async function run(fresh) {
    if (!questions.running) {
      began = performance.now();
      before = count((item) => item.done);
      ending = "";
    }
    for (const item of fresh) item.stopped = false;
    const isFirst = !questions.running;
    const work = questions.ask(fresh);
    refresh();
    await work;
    took = (performance.now() - began) / 1000;
    if (!isFirst || questions.running) return;
    if (questions.waiting.length) {
      for (const item of questions.waiting) item.stopped = true;
      ending ||= "stopped";
    } else if (!walking) ending = "done";
    refresh();
    repaint();
    if (!walking) status.textContent = `${speaker.count(items.length)}. ${said.textContent}`;
  }

  function stop(how) {
    ending = how;
    questions.cancel();
    trouble = "";
  }

  cancel.addEventListener("click", () => {
    stop("cancelled");
    for (const item of items) item.stopped = !item.done;
    refresh();
    repaint();
    status.textContent = said.textContent;
    resume.focus();
  });
  resume.addEventListener("click", () => {
    const left = items.filter((item) => !item.done);
    questions.waiting = [];
    run(left);
    repaint();
  });
  back.addEventListener("click", leave);

  // ---- what is shown

  function count(test) {
    return items.reduce((sum, item) => sum + Number(test(item)), 0);
  }

  function schedule() {
    timer ??= setTimeout(refresh, UPDATE_MS);
  }

  function refresh() {
    clearTimeout(timer);
    timer = null;
    const shown = sorted(items.filter((item) => matches(item, filter)), sort.value, speaker);
    grid.show(shown);
    none.hidden = shown.length > 0 || !items.length;
    tellCounts();
    tellProgress();
  }

  function tellCounts() {
    for (const button of filters) {
      const number = count((item) => matches(item, button.dataset.filter));
      button.querySelector("[data-count]").textContent = number ? speaker.numbers.format(number) : "";
      button.hidden = !number && button.dataset.filter !== "" && button.dataset.filter !== filter;
    }
  }

  function tellProgress() {
    const done = count((item) => item.done);
    const running = questions.running;
    title.textContent = speaker.count(items.length);
    progress.hidden = !running;
    bar.value = items.length ? done / items.length : 0;
    cancel.hidden = !running;
    resume.hidden = running || done === items.length;
    const spent = (performance.now() - began) / 1000;
    const answered = done - before;
    const left = answered > 3 && done < items.length ? speaker.fill("left", { time: speaker.time((spent / answered) * (items.length - done)) }) : "";
    progressText.textContent = [speaker.fill("progress", { done, all: items.length }), left, trouble && speaker.error(trouble)[0]].filter(Boolean).join(" · ");
    said.textContent = [running ? "" : tellEnd(), leftOut ? speaker.fill("left_out", { count: leftOut }) : ""].filter(Boolean).join(" ");
  }

  function tellEnd() {
    if (ending === "done") return speaker.fill("done", { time: speaker.time(took) });
    const why = ending === "stopped" && trouble ? speaker.error(trouble)[0] : "";
    return [words[ending], why].filter(Boolean).join(" ");
  }

  function paint(tile, item) {
    const { kind, title, note, brief = note } = speaker.describe(item);
    tile.className = `tile tile-${kind}${item.correction ? " tile-corrected" : ""}`;
    if (!tile.firstChild) {
      for (const name of ["mat", "class", "note", "name"]) {
        const part = document.createElement(name === "mat" ? "div" : "p");
        part.className = `tile-${name}`;
        tile.append(part);
      }
      tile.querySelector(".tile-name").textContent = item.name;
      tile.querySelector(".tile-mat").dataset.suffix = item.name.match(/\.(\w{1,5})$/)?.[1] ?? "";
      thumbs.want(item, tile);
    }
    tile.querySelector(".tile-class").textContent = title;
    tile.querySelector(".tile-note").textContent = brief;
    tile.title = `${item.name}\n${note}`;
  }

  function repaint() {
    for (const item of grid.tiles.keys()) grid.renew(item);
    if (look.open) look.tell(placeOf(look.item));
  }

  function placeOf(item) {
    return speaker.fill("place", { number: (grid.places.get(item) ?? 0) + 1, all: grid.items.length });
  }

  sort.addEventListener("change", refresh);
  filters.forEach((button) => button.addEventListener("click", () => chooseFilter(button.dataset.filter)));

  function chooseFilter(key) {
    filter = key;
    filters.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.filter === key)));
    refresh();
  }

  // ---- hands on the grid

  box.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    grid.select(tile.item, { scroll: false });
    look.show(tile.item, placeOf(tile.item));
  });
  box.addEventListener("focus", () => {
    if (!grid.places.has(grid.selected)) grid.select(grid.items[0] ?? null, { scroll: false });
  });

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isGrid = event.target === box;
    if (!isGrid && !look.open) return;
    const { key } = event;
    const steps = look.open ? { ArrowLeft: -1, ArrowRight: 1 } : { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -grid.columns, ArrowDown: grid.columns, Home: -Infinity, End: Infinity };
    if (key in steps) go(steps[key]);
    else if (isGrid && (key === "Enter" || key === " ") && grid.selected) look.show(grid.selected, placeOf(grid.selected));
    else if (/^[1-9]$/.test(key) && grid.selected && keys[key - 1] !== undefined) correct(grid.selected, keys[key - 1]);
    else if (key.toLowerCase() === "u") undo();
    else return;
    event.preventDefault();
  });

  function go(by) {
    const item = grid.neighbour(by);
    if (!item) return;
    grid.select(item);
    if (look.open) look.show(item, placeOf(item));
  }

  // ---- what the visitor says

  function correct(item, key) {
    const told = item.answer ? classesOf(item.answer) : [];
    let wanted = [key];
    if (task === "multi_label") {
      const now = item.correction ?? (item.answer?.verdict === "unknown" ? [] : told);
      wanted = now.includes(key) ? now.filter((each) => each !== key) : [...now, key];
    }
    const wasKnown = item.answer && item.answer.verdict !== "unknown";
    const isAnswer = wasKnown && wanted.length === told.length && wanted.every((each) => told.includes(each));
    change(item, isAnswer ? null : wanted);
  }

  function change(item, correction) {
    if (String(item.correction) === String(correction)) return;
    changes.push({ item, was: item.correction });
    set(item, correction);
  }

  function undo() {
    const last = changes.pop();
    if (!last) return;
    set(last.item, last.was);
    if (!grid.places.has(last.item)) return;
    grid.select(last.item);
    if (look.open) look.show(last.item, placeOf(last.item));
  }

  function set(item, correction) {
    item.correction = correction;
    keepCorrection(model, mark(item), correction);
    grid.renew(item); // it stays where it is until the next sorting: the next key is for the next picture
    tellCounts();
    if (look.open && look.item === item) look.tell(placeOf(item));
    const { title: said, note } = speaker.describe(item);
    status.textContent = `${item.name}: ${said}, ${note}`;
  }

  // What a picture is known by when it is dropped again.
  function mark({ name, size }) {
    return `${name}|${size}`;
  }

  // ---- and takes away

  savers.forEach((button) =>
    button.addEventListener("click", async () => {
      const kind = button.dataset.save;
      const chosen = sorted(items.filter((item) => matches(item, filter)), "given", speaker);
      if (kind === "csv") download(toCsv(chosen, keys, task), `${model}.csv`);
      if (kind === "json") download(toJson(chosen), `${model}.json`);
      if (kind !== "zip") return;
      button.disabled = true;
      try {
        const tell = (share) => (said.textContent = speaker.fill("saving", { percent: speaker.percent(share) }));
        download(await toZip(chosen, keys, task, tell), `${model}.zip`);
        said.textContent = "";
        tellProgress();
      } catch {
        said.textContent = speaker.error("internal_error")[0];
      }
      button.disabled = false;
    }),
  );
}
