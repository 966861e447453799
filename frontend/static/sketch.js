// The drawing page: a stroke goes out as a picture, guesses come back. Every word comes from the server's templates.
import { Sheet } from "./sheet.js";
import { watchForStall } from "./stall.js";

const PAUSE = 30; // ms after a change before the model is asked, so that what changes at one blow is asked about once

const bench = document.querySelector("[data-sketch]");
const form = bench.querySelector("form");
const find = (name) => bench.querySelector(`[data-${name}]`);
const [canvas, overlay, invitation, easel] = ["sheet", "overlay", "invitation", "easel"].map(find);
const [result, status, note, kept] = ["result", "status", "waiting-note", "kept"].map(find);
const stall = watchForStall(find("stalled"), status);
const photographs = new Map(); // class → cards, "" while they are asked for
let answered = 0; // the version of the sheet whose answer is known
let asking = false;
let timer = 0;
let again = askAgain; // what another try does

const sheet = new Sheet(canvas, { changed, began: () => (invitation.hidden = true) });

// ---- the sheet changes

function changed() {
  for (const [name, possible] of [["undo", sheet.canUndo], ["redo", sheet.canRedo], ["clear", !sheet.empty]]) {
    bench.querySelector(`[data-do="${name}"]`).setAttribute("aria-disabled", String(!possible));
  }
  bench.querySelector(".sheet-page")?.remove();
  again = askAgain;
  invitation.hidden = !sheet.empty;
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
}

bench.querySelectorAll("[data-tool]").forEach((button) =>
  button.addEventListener("click", () => {
    sheet.erasing = button.dataset.tool === "eraser";
    canvas.classList.toggle("erasing", sheet.erasing);
    bench.querySelectorAll("[data-tool]").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
  }),
);
bench.querySelectorAll("[data-do]").forEach((button) => button.addEventListener("click", () => sheet[button.dataset.do]()));
find("width").addEventListener("input", (event) => (sheet.width = Number(event.target.value)));

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  const step = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" ? "redo" : null;
  if (!step) return;
  event.preventDefault();
  sheet[step]();
});

// ---- the model is asked: one request at a time, and only an answer about the sheet as it is now is shown

async function ask() {
  if (asking) return;
  asking = true;
  while (answered !== sheet.version) {
    const version = sheet.version;
    let content = "";
    if (!sheet.empty) {
      wait(bench.dataset.busy);
      content = await fetchText(form.action, await sheet.toBlob());
    }
    answered = version;
    if (version === sheet.version) present(content, bench.dataset.emptied);
  }
  asking = false;
}

async function fetchText(address, body) {
  try {
    const response = await fetch(address, { method: "POST", body, headers: { "X-Fragment": "answer" } });
    return await response.text();
  } catch {
    return fault("offline");
  }
}

function askAgain() {
  answered = -1;
  ask();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  again();
});

function wait(words) {
  stall.expect();
  easel.classList.add("busy");
  result.setAttribute("aria-busy", "true");
  if (!result.querySelector("[data-answer]")) status.textContent = words;
}

// ---- a picture instead of strokes

async function take(picture) {
  if (!picture) return;
  again = () => take(picture);
  if (picture.size > Number(form.dataset.maxBytes)) return present(fault("picture_too_large"));
  const before = sheet.version;
  wait(bench.dataset.cleaning);
  status.textContent = bench.dataset.cleaning;
  const body = new FormData();
  body.append("file", picture);
  let response;
  try {
    response = await fetch(form.dataset.paper, { method: "POST", body, headers: { "X-Fragment": "answer" } });
  } catch {
    return present(fault("offline"));
  }
  if (response.headers.get("Content-Type") !== "image/png") {
    if (before === sheet.version) present(await response.text());
    return;
  }
  sheet.put(await createImageBitmap(await response.blob()));
}

bench.querySelectorAll("[data-file]").forEach((input) =>
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = ""; // choosing the same file again must count as a choice
  }),
);
bench.querySelectorAll("[data-example]").forEach((link) =>
  link.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    take(await fetch(link.querySelector("img").src).then((response) => response.blob(), () => null));
  }),
);
document.addEventListener("paste", (event) => {
  take([...event.clipboardData.files].find((each) => each.type.startsWith("image/")));
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});

// ---- the answer is shown

function present(content, otherwise = "") {
  stall.hear();
  easel.classList.remove("busy");
  const parsed = document.createElement("template");
  parsed.innerHTML = content;
  const news = parsed.content;
  overlay.replaceChildren(...news.querySelectorAll("[data-boxes]"));
  if (overlay.querySelector("[data-box-of]")) news.querySelectorAll("[data-object]").forEach((row) => (row.tabIndex = 0));
  const shown = new Map([...result.querySelectorAll("img")].map((picture) => [picture.src, picture]));
  news.querySelectorAll("img").forEach((picture) => {
    const same = shown.get(picture.src); // loaded already: it must not flicker
    if (same?.alt === picture.alt) picture.replaceWith(same);
    shown.delete(picture.src);
  });
  const hadFocus = result.contains(document.activeElement);
  result.replaceChildren(news);
  result.removeAttribute("aria-busy");
  note.hidden = Boolean(content);
  status.textContent = result.querySelector("[data-announcement]")?.dataset.announcement ?? otherwise;
  if (hadFocus) result.focus({ preventScroll: true });
  if (form.dataset.photographs) addPhotographs();
  bench.dataset.shown = sheet.version;
}

function fault(code) {
  return document.querySelector(`template[data-fault="${code}"]`).innerHTML;
}

// ---- photographs come after the guesses, each class once

async function addPhotographs() {
  const places = [...result.querySelectorAll("[data-photographs-for]")];
  const missing = [...new Set(places.map((place) => place.dataset.photographsFor))].filter((key) => !photographs.has(key));
  if (missing.length) {
    missing.forEach((key) => photographs.set(key, ""));
    const query = new URLSearchParams(missing.map((key) => ["label", key]));
    const parsed = document.createElement("template");
    try {
      const response = await fetch(`${form.dataset.photographs}?${query}`, { headers: { "X-Fragment": "answer" } });
      if (response.ok) parsed.innerHTML = await response.text();
    } catch {
      // the gallery's pictures are there; photographs come with another guess
    }
    missing.forEach((key) => photographs.delete(key));
    parsed.content.querySelectorAll("[data-photographs]").forEach((group) => photographs.set(group.dataset.photographs, group.innerHTML));
  }
  result.querySelectorAll("[data-photographs-for]:empty").forEach((place) => {
    place.innerHTML = photographs.get(place.dataset.photographsFor) ?? "";
  });
}

// ---- a reference is kept beside the drawing

result.addEventListener("click", (event) => {
  const button = event.target.closest("[data-keep]");
  if (!button) return;
  const card = button.closest("[data-reference]");
  const picture = find("kept-picture");
  picture.src = button.dataset.picture;
  picture.alt = card.querySelector("img").alt;
  find("kept-credit").innerHTML = card.querySelector(".credit").innerHTML;
  kept.hidden = false;
  if (button.dataset.download) {
    fetch(form.dataset.used, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ download_location: button.dataset.download }),
    }).catch(() => {}); // the picture may be drawn from all the same
  }
});
find("put-away").addEventListener("click", () => {
  kept.hidden = true;
  result.focus({ preventScroll: true });
});

// ---- a row shows its box, whether it is pointed at or reached by the keyboard

function point(row, on) {
  overlay.querySelector(`[data-box-of="${row.dataset.object}"]`)?.classList.toggle("pointed", on);
}
for (const [event, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
  result.addEventListener(event, ({ target }) => {
    const row = target.closest("[data-object]");
    if (row) point(row, on);
  });
}

// ---- with and without a connection

function connected() {
  find("offline").hidden = navigator.onLine;
  if (navigator.onLine && result.querySelector('[data-error="offline"]')) again();
}
addEventListener("online", connected);
addEventListener("offline", connected);
connected();
find("tools").hidden = false;

// What this page is made of is kept for the time without a connection.
if (navigator.serviceWorker) {
  navigator.serviceWorker.register("/service-worker.js");
  navigator.serviceWorker.ready.then(({ active }) => {
    const parts = performance.getEntriesByType("resource").map(({ name }) => new URL(name));
    const files = parts.filter(({ pathname }) => pathname.startsWith("/static/")).map(({ pathname }) => pathname);
    active.postMessage([...new Set([location.pathname, "/static/ridges.svg", ...files])]);
  });
}
