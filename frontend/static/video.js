// Video in, a growing timeline out. Every word on the page comes from the server's templates.
import { prepareHeat } from "./heat.js";
import { receiveDrops } from "./intake.js";
import { watchForStall } from "./stall.js";

const root = document.querySelector("[data-projector]");
if (root) prepare(root);

function prepare(root) {
  const find = (name) => root.querySelector(`[data-${name}]`);
  const form = root.querySelector("form");
  const [easel, film, still, heat] = ["easel", "film", "still", "heat"].map(find);
  const [part, timeline, bars, playhead] = ["timeline-part", "timeline", "bars", "playhead"].map(find);
  const [progress, bar, progressText, waiting] = ["progress", "bar", "progress-text", "waiting-note"].map(find);
  const [moment, caption, explained] = ["moment", "caption", "explained"].map(find);
  const [result, status, cancelButton, explainButton] = ["result", "status", "cancel", "explain"].map(find);
  const layer = prepareHeat(heat, find("heat-controls"));
  const stall = watchForStall(find("stalled"), status);
  const unknownKey = find("unknown-key");
  const classes = JSON.parse(root.dataset.classes);
  const UPDATE_MS = 200; // reading what has come so far costs as much as all of it, so not at every piece

  let file = null;
  let request = null; // the upload and its stream of events
  let question = null; // about a single frame
  let seconds = 0;
  let interval = 1;
  let frames = [];
  let chosen = -1;
  let began = 0;
  let ended = false;

  // ---- a video comes in

  find("file").addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = ""; // choosing the same file again must count as a choice
  });
  receiveDrops(easel, take);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take(file);
  });

  function take(candidate) {
    if (!candidate) return;
    file = candidate;
    clear();
    if (film.src) URL.revokeObjectURL(film.src);
    film.src = URL.createObjectURL(file);
    film.hidden = false;
    easel.classList.add("filled");
    if (file.size > Number(form.dataset.maxBytes)) return stop(fault("video_too_large"));
    send();
  }

  function clear() {
    request?.abort();
    stall.hear();
    question?.abort();
    frames = [];
    chosen = -1;
    seconds = 0;
    ended = false;
    bars.querySelectorAll("rect").forEach((one) => one.remove());
    result.replaceChildren();
    explained.replaceChildren();
    waiting.replaceChildren();
    part.hidden = moment.hidden = still.hidden = true;
    if (unknownKey) unknownKey.hidden = true;
    layer.take();
  }

  film.addEventListener("loadedmetadata", () => {
    if (film.videoWidth) setRatio(film.videoWidth, film.videoHeight);
    else hideFilm(); // sound alone
  });
  film.addEventListener("error", () => {
    if (film.src) hideFilm(); // a codec that this browser does not play
  });
  film.addEventListener("timeupdate", follow);
  film.addEventListener("play", () => layer.take());

  // The frames that were looked at are shown instead.
  function hideFilm() {
    film.hidden = true;
    if (chosen >= 0) showStill();
    emptyEasel();
  }

  // Where there is neither a film nor a frame of it, nor any to come, another is invited.
  function emptyEasel() {
    if (film.hidden && chosen < 0 && !request) easel.classList.remove("filled");
  }

  function setRatio(width, height) {
    film.parentElement.style.setProperty("--ratio", width / height);
  }

  // ---- it goes out, and the events come in

  function send() {
    const own = (request = new XMLHttpRequest()); // fetch can't say how far an upload is
    let read = 0;
    let timer = null;
    own.open("POST", `${form.action}?${find("wish").value}&images=true`);
    own.setRequestHeader("X-Fragment", "events");
    own.setRequestHeader("Content-Type", "application/octet-stream");
    own.upload.addEventListener("progress", (event) => {
      if (own === request) tellProgress(event.loaded / file.size, fill(root.dataset.sending, { percent: Math.floor((100 * event.loaded) / file.size) }));
    });
    own.upload.addEventListener("load", () => {
      if (own !== request) return;
      tellProgress(null, root.dataset.opening);
      stall.expect();
    });
    own.addEventListener("progress", () => {
      timer ??= setTimeout(readEvents, UPDATE_MS);
    });
    own.addEventListener("load", () => {
      if (own !== request) return;
      if (own.status !== 200) return stop(own.responseText);
      readEvents();
      if (!ended) stop(fault("offline"));
    });
    own.addEventListener("error", () => {
      if (own !== request) return;
      if (own.status === 200) readEvents();
      if (!ended) stop(fault("offline"));
    });
    busy(true);
    tellProgress(0, fill(root.dataset.sending, { percent: 0 }));
    own.send(file);

    function readEvents() {
      clearTimeout(timer);
      timer = null;
      if (own !== request || own.status !== 200) return;
      const text = own.responseText;
      for (let end = text.indexOf("\n\n", read); end >= 0; end = text.indexOf("\n\n", read)) {
        const block = text.slice(read, end);
        read = end + 2;
        const [, kind, data] = block.match(/^event: (\w+)\ndata: (.*)$/) ?? [];
        if (kind) receive(kind, JSON.parse(data));
      }
    }
  }

  function receive(kind, data) {
    if (kind === "result" || kind === "error") stall.hear();
    else stall.expect();
    if (kind === "video") begin(data);
    else if (kind === "frame") add(data);
    else if (kind === "waiting") waiting.innerHTML = data.html;
    else {
      ended = true;
      stop(data.html);
    }
  }

  function begin(data) {
    ({ seconds, interval } = data);
    setRatio(data.width, data.height);
    began = performance.now();
    part.hidden = false;
    timeline.setAttribute("aria-valuemax", seconds);
    find("end").textContent = clock(seconds);
  }

  function add(data) {
    const before = frames.at(-1);
    const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const unknown = data.verdict === "unknown"; // how high its bar would be, and of which class, says nothing
    const height = "error" in data ? 4 : unknown ? 100 : 100 * data.confidence;
    const hue = "error" in data ? "none" : unknown ? "unknown" : Math.min(classes.indexOf(data.class), 6);
    box.setAttribute("class", `hue-${hue}${data.verdict === "sure" || unknown ? "" : " pale"}`);
    if (unknown) unknownKey.hidden = false;
    place(box, { x: scale(data.time), y: 100 - height, height, width: scale(Math.min(interval, seconds - data.time)) });
    // A frame stands for the time until the next one.
    if (before) place(before.box, { width: scale(data.time - before.time) });
    bars.prepend(box);
    const { time, words, verdict } = data;
    const explainable = !unknown && !("error" in data);
    frames.push({ time, words, verdict, explainable, image: toBlob(data.image, "png"), preview: toBlob(data.preview, "jpeg"), box });
    waiting.replaceChildren();
    const done = data.time / seconds;
    const spent = (performance.now() - began) / 1000;
    const left = done > 0.02 ? fill(root.dataset.left, { seconds: Math.ceil((spent * (1 - done)) / done) }) : "";
    const count = fill(root.dataset.counting, { time: clock(data.time), whole: clock(seconds), frames: frames.length });
    tellProgress(done, left ? `${count}; ${left}` : count);
    if (chosen < 0) choose(0, false);
  }

  function scale(time) {
    return (1000 * time) / (seconds || 1);
  }

  function place(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, Math.max(0, value).toFixed(2));
  }

  function tellProgress(share, words) {
    progress.hidden = false;
    if (share === null) bar.removeAttribute("value");
    else bar.value = share;
    progressText.textContent = words;
  }

  function busy(is) {
    cancelButton.hidden = !is;
    result.setAttribute("aria-busy", String(is));
    if (is) status.textContent = root.dataset.opening;
  }

  function stop(content) {
    stall.hear();
    request = null;
    busy(false);
    progress.hidden = true;
    present(content);
  }

  function present(content) {
    result.innerHTML = content;
    status.textContent = result.querySelector("[data-announcement]")?.dataset.announcement ?? "";
    emptyEasel();
  }

  cancelButton.addEventListener("click", () => {
    const own = request;
    request = null; // what still comes of it is nobody's
    own?.abort();
    stall.hear();
    busy(false);
    waiting.replaceChildren();
    bar.value = frames.length ? frames.at(-1).time / seconds : 0;
    progressText.textContent = status.textContent = root.dataset.cancelled;
    emptyEasel();
  });

  // ---- the timeline

  timeline.addEventListener("click", (event) => {
    const box = timeline.getBoundingClientRect();
    choose(frameAt((seconds * (event.clientX - box.left)) / box.width));
  });

  timeline.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
    const goal = { Home: 0, End: frames.length - 1 }[event.key] ?? (event.key in steps ? chosen + steps[event.key] : null);
    if (goal === null) return;
    event.preventDefault();
    choose(Math.min(Math.max(goal, 0), frames.length - 1));
  });

  function frameAt(time) {
    const after = frames.findIndex((frame) => frame.time > time);
    return after < 0 ? frames.length - 1 : Math.max(after - 1, 0);
  }

  function choose(index, seek = true) {
    const frame = frames[index];
    if (!frame) return;
    if (index !== chosen) {
      question?.abort();
      explained.replaceChildren();
      layer.take();
    }
    chosen = index;
    moment.hidden = false;
    const time = clock(frame.time, 1);
    const words = fill(root.dataset.caption, { time, words: frame.words });
    caption.textContent = words;
    caption.classList.toggle("unknown", frame.verdict === "unknown");
    explainButton.hidden = !frame.explainable;
    timeline.setAttribute("aria-valuenow", frame.time);
    timeline.setAttribute("aria-valuetext", words);
    playhead.style.insetInlineStart = `${(100 * frame.time) / (seconds || 1)}%`;
    if (film.hidden) showStill();
    else if (seek) {
      film.pause();
      film.currentTime = frame.time + 0.005; // within the frame, whatever the rounding
    }
  }

  function follow() {
    if (film.paused || !frames.length) return;
    const index = frameAt(film.currentTime);
    if (index !== chosen) choose(index, false);
  }

  function showStill() {
    URL.revokeObjectURL(still.src);
    still.src = URL.createObjectURL(frames[chosen].preview);
    still.hidden = false;
  }

  // ---- where the model looked in one frame: it is shown the very image that it answered, and the answer stays

  explainButton.addEventListener("click", async () => {
    const frame = frames[chosen];
    if (!frame?.explainable) return;
    question?.abort();
    const own = (question = new AbortController());
    explained.setAttribute("aria-busy", "true");
    if (!film.hidden) {
      film.pause();
      film.currentTime = frame.time + 0.005;
    }
    let content;
    try {
      const body = new FormData();
      body.append("file", frame.image, "frame.png");
      const response = await fetch(root.dataset.heatmapAddress, { method: "POST", body, headers: { "X-Fragment": "answer" }, signal: own.signal });
      content = await response.text();
    } catch {
      if (own.signal.aborted) return;
      content = fault("offline");
    }
    explained.setAttribute("aria-busy", "false");
    explained.innerHTML = content;
    status.textContent = explained.textContent.trim();
    const map = explained.querySelector("[data-heatmap]");
    if (map) layer.bring(map.src, true);
  });

  function toBlob(data, kind) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    return new Blob([bytes], { type: `image/${kind}` });
  }

  // ---- words

  function fault(code) {
    return document.querySelector(`template[data-fault="${code}"]`).innerHTML;
  }

  function fill(words, values) {
    return words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  function clock(time, digits = 0) {
    const whole = Math.floor(time / 60);
    const rest = (time - 60 * whole).toFixed(digits);
    return `${whole}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
  }
}
