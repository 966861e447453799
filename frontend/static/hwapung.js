// Picture in, answer out. Every word on the page comes from the server's templates: this file only moves them about.
import { unroll } from "./strip.js";

// A side so many times as long as the other is shown through a window.
const LONG = 3;

const bench = document.querySelector("[data-workbench]");
if (bench) prepare(bench);

function prepare(bench) {
  const find = (name) => bench.querySelector(`[data-${name}]`);
  const form = bench.querySelector("form");
  const [easel, picture, heat, unseen] = ["easel", "picture", "heat", "unseen"].map(find);
  const [slider, opacity, result, status] = ["slider", "opacity", "result", "status"].map(find);
  const [mount, marks, beside] = ["mount", "marks", "beside"].map(find);
  let file = null; // the visitor's picture, kept for another try
  let again = null; // what another try does
  let pending = null; // the request under way, so that a newer picture can call it off
  let rollUp = null; // what lets go of a strip

  // ---- a picture comes in

  function take(candidate) {
    if (!candidate) return;
    file = candidate;
    again = ask;
    show(URL.createObjectURL(file));
    ask();
  }

  function show(source) {
    if (picture.src.startsWith("blob:")) URL.revokeObjectURL(picture.src);
    picture.src = source;
    picture.hidden = false;
    unseen.hidden = true;
    easel.classList.add("filled");
    leaveStrip();
    cool();
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
    else mount.removeAttribute("tabindex");
  }

  bench.querySelectorAll("[data-file]").forEach((input) =>
    input.addEventListener("change", () => {
      take(input.files[0]);
      input.value = ""; // choosing the same file again must count as a choice
    }),
  );

  document.addEventListener("paste", (event) => {
    const pasted = [...event.clipboardData.files].find(isPicture);
    if (pasted) take(pasted);
  });

  // Dropping is possible anywhere on the page: a picture that misses its place must not replace the page.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    easel.classList.add("inviting");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) easel.classList.remove("inviting");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    easel.classList.remove("inviting");
    take(event.dataTransfer.files[0]);
  });

  function isPicture(candidate) {
    return candidate.type.startsWith("image/");
  }

  // ---- the question goes out

  function ask() {
    if (file.size > Number(form.dataset.maxBytes)) return present(fault("picture_too_large"));
    const body = new FormData();
    body.append("file", file);
    fetchAnswer(form.action, { method: "POST", body });
  }

  async function fetchAnswer(address, options = {}) {
    pending?.abort();
    const request = (pending = new AbortController());
    wait(true);
    let content;
    try {
      const response = await fetch(address, { ...options, headers: { "X-Fragment": "answer" }, signal: request.signal });
      content = await response.text();
    } catch {
      if (request.signal.aborted) return;
      content = fault("offline");
    }
    if (request !== pending) return;
    wait(false);
    present(content);
  }

  function wait(busy) {
    easel.classList.toggle("busy", busy);
    result.setAttribute("aria-busy", String(busy));
    if (busy) status.textContent = bench.dataset.busy;
  }

  form.addEventListener("submit", (event) => {
    if (!again) return; // a page that came with its picture sends the form itself
    event.preventDefault();
    again();
  });

  bench.querySelectorAll("[data-example]").forEach((link) =>
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      again = () => fetchAnswer(link.href);
      show(link.querySelector("img").src);
      again();
    }),
  );

  // ---- the answer comes back

  function present(content) {
    const hadFocus = result.contains(document.activeElement);
    result.innerHTML = content;
    status.textContent = result.querySelector("[data-announcement]")?.dataset.announcement ?? "";
    const map = result.querySelector("[data-heatmap]");
    if (map) warm(map.src);
    else cool();
    enterStrip();
    if (hadFocus) result.focus({ preventScroll: true });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (result.getBoundingClientRect().top > innerHeight * 0.8) {
      result.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "end" });
    }
  }

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

  function warm(source) {
    heat.src = source;
    heat.hidden = slider.hidden = false;
    setOpacity();
  }

  function cool() {
    heat.hidden = slider.hidden = true;
  }

  function setOpacity() {
    heat.style.opacity = opacity.value / 100;
  }

  opacity.addEventListener("input", setOpacity);

  // ---- a page that came with its answer, or before the model was there

  if (picture.getAttribute("src") && picture.complete) fit();
  if (heat.getAttribute("src")) warm(heat.src);
  enterStrip();
  if ("waiting" in bench.dataset) reloadWhenReady();

  async function reloadWhenReady() {
    const ready = await fetch("/readyz").then((response) => response.ok, () => false);
    if (again) return; // the visitor is at work already
    if (ready) location.reload();
    else setTimeout(reloadWhenReady, 3000);
  }
}
