// Picture in, answer out. Every word on the page comes from the server's templates: this file only moves them about.
import "./copy.js";
import { offerCamera } from "./camera.js";
import { prepareEditor } from "./edit.js";
import { drawTogether, prepareHeat } from "./heat.js";
import { receive } from "./intake.js";
import { carry, forget, recall, recallCorrections, remember, shrink, takeCarried } from "./memory.js";
import { Question } from "./question.js";
import { unroll } from "./strip.js";
import { keepInView } from "./verdict-line.js";
import { prepareView } from "./view.js";

// A side so many times as long as the other is shown through a window.
const LONG = 3;

const bench = document.querySelector("[data-workbench]");
if (bench) prepare(bench);

function prepare(bench) {
  const find = (name) => bench.querySelector(`[data-${name}]`);
  const form = bench.querySelector("form");
  const [easel, picture, heat, unseen] = ["easel", "picture", "heat", "unseen"].map(find);
  const [result, status, mount, marks, beside] = ["result", "status", "mount", "marks", "beside"].map(find);
  const [tools, cropFirst, earlier] = ["view-tools", "crop-first", "earlier"].map(find);
  const { model } = bench.dataset;
  const maxBytes = Number(form.dataset.maxBytes);
  let file = null; // the visitor's picture, kept for another try
  let again = null; // what another try does
  let shown = null; // what the language switch takes along: {file} or {id}
  let rollUp = null; // what lets go of a strip

  const question = new Question({ bench, easel, result, status, cancelled: () => present(fault("cancelled")) });
  const layer = prepareHeat(heat, find("heat-controls"), find("heat-toggle"));
  const resetView = prepareView(form, mount, { in: find("zoom-in"), out: find("zoom-out"), full: find("full") });
  const edit = prepareEditor(document.querySelector("[data-editor]"), maxBytes);
  const watch = keepInView(find("verdict-line"));

  // ---- a picture comes in

  receive(bench, easel, async (candidate) => {
    if (!cropFirst.checked) return take(candidate);
    const edited = await edit(candidate).catch(() => candidate); // what the browser can't read the model may
    if (edited) take(edited);
  });
  offerCamera(find("camera"), document.querySelector("[data-camera-dialog]"), take);
  find("crop-row").hidden = false;

  function take(candidate) {
    file = candidate;
    shown = { file };
    again = ask;
    if (location.pathname !== bench.dataset.address && onExample()) history.pushState(null, "", bench.dataset.address + location.search);
    path = location.pathname;
    show(URL.createObjectURL(file));
    ask();
  }

  function show(source) {
    if (picture.src.startsWith("blob:")) URL.revokeObjectURL(picture.src);
    picture.src = source;
    picture.hidden = false;
    unseen.hidden = true;
    easel.classList.add("filled");
    tools.hidden = false;
    find("edit").hidden = !file;
    leaveStrip();
    layer.take();
    resetView();
  }

  picture.addEventListener("load", () => fit());
  picture.addEventListener("error", () => {
    picture.hidden = true;
    unseen.hidden = false;
  });

  function fit() {
    const ratio = picture.naturalWidth / picture.naturalHeight;
    mount.style.setProperty("--ratio", ratio);
    if (!rollUp) setWindow(ratio < 1 / LONG, ratio > LONG); // an answer may be there before its picture
  }

  // A window is scrolled by the keyboard too, and so can be reached by it.
  function setWindow(tall, wide) {
    mount.classList.toggle("tall", tall);
    mount.classList.toggle("wide", wide);
    if (tall || wide) mount.tabIndex = 0;
    resetView();
  }

  find("edit").addEventListener("click", async () => {
    const edited = await edit(file).catch(() => null);
    if (edited && edited !== file) take(edited);
  });

  // ---- the question goes out

  function ask() {
    if (file.size > maxBytes) {
      question.drop();
      return present(fault("picture_too_large"));
    }
    const body = new FormData();
    body.append("file", file);
    put(form.action, { method: "POST", body });
  }

  async function put(address, options) {
    let content;
    try {
      content = await question.ask(address, options);
    } catch {
      content = fault("offline");
    }
    if (content === null) return;
    present(content);
    if (options && result.querySelector("[data-answer]")) keep(content);
  }

  form.addEventListener("submit", (event) => {
    if (!again) return; // a page that came with its picture sends the form itself
    event.preventDefault();
    again();
  });

  // ---- an example has an address of its own

  const examples = [...bench.querySelectorAll("[data-example]")];
  let path = location.pathname;
  const onExample = () => examples.some((link) => link.pathname === location.pathname);

  examples.forEach((link) =>
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      file = null;
      shown = null;
      again = () => put(link.href);
      if (location.pathname !== link.pathname) history.pushState(null, "", link.pathname + location.search);
      path = location.pathname;
      show(link.querySelector("img").src);
      again();
    }),
  );
  addEventListener("popstate", () => {
    if (location.pathname !== path) location.reload(); // the server has the page of any example
  });

  // ---- the answer comes back

  function present(content, language = "") {
    const hadFocus = result.contains(document.activeElement);
    result.innerHTML = content;
    if (language) result.lang = language;
    else result.removeAttribute("lang");
    status.textContent = result.querySelector("[data-announcement]")?.dataset.announcement ?? "";
    const map = result.querySelector("[data-heatmap]");
    if (map) layer.bring(map.src, false);
    else layer.take();
    find("save").hidden = !map;
    enterStrip();
    if (hadFocus) result.focus({ preventScroll: true });
    watch(result.querySelector("[data-answer]"));
    comeIntoView();
  }

  // The picture and its answer together where the screen has room for both, else the answer.
  function comeIntoView() {
    const first = result.querySelector("h2") ?? result;
    const place = first.getBoundingClientRect();
    if (place.top >= 0 && place.bottom <= innerHeight) return;
    const together = place.bottom - easel.getBoundingClientRect().top < innerHeight;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    (together ? easel : first).scrollIntoView({ behavior: calm ? "auto" : "smooth", block: together ? "start" : "center" });
  }

  find("save").addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await drawTogether(picture, heat));
    link.download = `${(file?.name ?? path.split("/").pop()).replace(/\.\w+$/, "") || model}-heatmap.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  // ---- a long strip: its timeline stands below the picture, and goes along with it

  function enterStrip() {
    leaveStrip();
    const part = bench.querySelector("[data-strip]");
    if (!part) return;
    beside.append(part);
    setWindow(!("lying" in part.dataset), "lying" in part.dataset);
    rollUp = unroll(part, mount, marks);
  }

  function leaveStrip() {
    rollUp?.();
    rollUp = null;
    beside.replaceChildren();
  }

  function fault(code) {
    return document.querySelector(`template[data-fault="${code}"]`).innerHTML;
  }

  // ---- what this browser remembers

  async function keep(content) {
    const { line } = result.querySelector("[data-answer]").dataset;
    await remember({ model, line, content, language: document.documentElement.lang, picture: await shrink(picture) });
    listEarlier();
  }

  async function listEarlier() {
    const [answers, corrections] = [await recall(model), (await recallCorrections(model)).size];
    earlier.hidden = !answers.length && !corrections;
    const told = earlier.querySelector("[data-corrections]");
    told.hidden = !corrections;
    told.textContent = told.dataset.corrections.replace("{count}", corrections.toLocaleString(document.documentElement.lang));
    const item = earlier.querySelector("template");
    const list = earlier.querySelector("ul");
    list.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
    list.replaceChildren(
      ...answers.map((answer) => {
        const entry = item.content.cloneNode(true);
        const moment = new Date(answer.time).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
        entry.querySelector("[data-line]").textContent = answer.line;
        entry.querySelector("time").textContent = moment;
        if (answer.picture) entry.querySelector("img").src = URL.createObjectURL(answer.picture);
        entry.querySelector("button").addEventListener("click", () => showAgain(answer));
        return entry;
      }),
    );
  }

  function showAgain(answer) {
    question.drop();
    file = null;
    shown = { id: answer.id };
    again = null;
    if (answer.picture) show(URL.createObjectURL(answer.picture));
    present(answer.content, answer.language);
  }

  earlier.querySelector("[data-forget]").addEventListener("click", async () => {
    await forget(model);
    await listEarlier();
    status.textContent = bench.dataset.forgotten;
  });

  bench.addEventListener("back", listEarlier); // from many pictures, where some may have been corrected

  // ---- another language shows the same picture: an example by its address, a visitor's own from here

  document.querySelectorAll(".languages a").forEach((link) =>
    link.addEventListener("click", async (event) => {
      if (!shown || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      await carry(shown);
      location.assign(link.href);
    }),
  );

  async function goOn() {
    const carried = await takeCarried();
    if (carried?.file) return take(carried.file);
    const answer = carried && (await recall(model)).find((each) => each.id === carried.id);
    if (answer) showAgain(answer);
  }

  // ---- a page that came with its answer, or before the model was there

  if (picture.getAttribute("src")) {
    tools.hidden = false;
    find("edit").hidden = true;
    if (picture.complete) fit();
  }
  const map = result.querySelector("[data-heatmap]");
  find("save").hidden = !map;
  if (map) layer.bring(map.src, false);
  else layer.take();
  enterStrip();
  watch(result.querySelector("[data-answer]"));
  listEarlier();
  goOn();
  if ("waiting" in bench.dataset) reloadWhenReady();

  async function reloadWhenReady() {
    const ready = await fetch("/readyz").then((response) => response.ok, () => false);
    if (again) return; // the visitor is at work already
    if (ready) location.reload();
    else setTimeout(reloadWhenReady, 3000);
  }
}
