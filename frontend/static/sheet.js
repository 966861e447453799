// A sheet of paper: strokes with pressure, an eraser, pictures laid upon it, and a history that goes back and forth.
//
// The history is a list of actions of which the first `done` are on the sheet; clearing the sheet is an action too.
// Going back paints from the nearest of a few kept copies of the sheet, so it takes as long after 10,000 strokes as after 100.
import { getStroke } from "./vendor/perfect-freehand.js";

const COPY_EVERY = 100; // actions between two kept copies
const COPIES = 8; // 4 MB each
const SENT_SIDE = 640; // pixels of the picture that the model is asked about
const INK = "#14110f";

export class Sheet {
  erasing = false;
  width = 10; // of a stroke, in pixels of the canvas
  version = 0; // changes with whatever is on the sheet

  #actions = [];
  #done = 0;
  #copies = []; // {done, canvas}, oldest first
  #ink = document.createElement("canvas"); // what is done, without the stroke under way
  #stroke = null; // {pointer, points, pen}
  #penSeen = false; // then fingers and palms draw no more
  #frame = 0;

  // `changed` is called after each change; `began` when a stroke begins.
  constructor(canvas, { changed, began }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.#ink.width = canvas.width;
    this.#ink.height = canvas.height;
    this.changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event) && began());
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.#end(event));
    }
  }

  get canUndo() {
    return this.#done > 0;
  }

  get canRedo() {
    return this.#done < this.#actions.length;
  }

  get empty() {
    for (let each = this.#done - 1; each >= 0; each--) {
      const { kind, erase } = this.#actions[each];
      if (kind === "clear") return true;
      if (!erase) return false;
    }
    return true;
  }

  undo() {
    if (!this.canUndo) return;
    this.#done -= 1;
    this.#copies = this.#copies.filter((copy) => copy.done <= this.#done);
    const last = this.#copies.at(-1);
    const ink = this.#ink.getContext("2d");
    ink.clearRect(0, 0, this.#ink.width, this.#ink.height);
    if (last) ink.drawImage(last.canvas, 0, 0);
    for (let each = last?.done ?? 0; each < this.#done; ) {
      paint(ink, this.#actions[each]);
      each += 1;
      this.#copyAt(each);
    }
    this.#show();
  }

  redo() {
    if (!this.canRedo) return;
    this.#apply(this.#actions[this.#done]);
  }

  clear() {
    if (!this.empty) this.#add({ kind: "clear" });
  }

  // Lay a picture upon the sheet, as large as fits.
  put(picture) {
    this.#add({ kind: "picture", picture });
  }

  // The sheet as a PNG with black lines on white paper.
  toBlob() {
    const page = document.createElement("canvas");
    page.width = page.height = SENT_SIDE;
    const context = page.getContext("2d", { alpha: false });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SENT_SIDE, SENT_SIDE);
    context.imageSmoothingQuality = "low"; // bilinear: enough for 1.6 to 1, and a sixth of the time
    context.drawImage(this.#ink, 0, 0, SENT_SIDE, SENT_SIDE);
    return new Promise((resolve) => page.toBlob(resolve, "image/png"));
  }

  #add(action) {
    this.#actions.length = this.#done;
    this.#actions.push(action);
    this.#apply(action);
  }

  #apply(action) {
    paint(this.#ink.getContext("2d"), action);
    this.#done += 1;
    this.#copyAt(this.#done);
    this.#show();
  }

  #copyAt(done) {
    if (done % COPY_EVERY || this.#copies.at(-1)?.done >= done) return;
    const canvas = this.#copies.length < COPIES ? this.#ink.cloneNode() : this.#copies.shift().canvas;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.#ink, 0, 0);
    this.#copies.push({ done, canvas });
  }

  #show() {
    this.version += 1;
    this.#draw();
    this.changed();
  }

  // What is done, and above it the stroke under way.
  #draw() {
    const { context, canvas } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.#ink, 0, 0);
    if (this.#stroke) paint(context, this.#action(false));
  }

  #action(finished) {
    const { points, pen } = this.#stroke;
    const outline = getStroke(points, {
      size: this.erasing ? this.width * 3 : this.width,
      thinning: this.erasing ? 0 : 0.5,
      streamline: 0.4,
      simulatePressure: !pen,
      last: finished,
    });
    return { kind: "stroke", erase: this.erasing, path: toPath(outline) };
  }

  #begin(event) {
    if (this.#stroke || event.button !== 0) return false;
    const pen = event.pointerType === "pen";
    if (!pen && event.pointerType === "touch" && this.#penSeen) return false;
    this.#penSeen ||= pen;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.#stroke = { pointer: event.pointerId, points: [this.#place(event)], pen };
    this.#draw();
    return true;
  }

  #move(event) {
    if (this.#stroke?.pointer !== event.pointerId) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    this.#stroke.points.push(...(passed.length ? passed : [event]).map((each) => this.#place(each)));
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #end(event) {
    if (this.#stroke?.pointer !== event.pointerId) return;
    const action = this.#action(true);
    this.#stroke = null;
    this.#add(action);
  }

  // Of an event, x and y in pixels of the canvas, and the pressure.
  #place(event) {
    const frame = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / frame.width;
    return [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale, event.pressure];
  }
}

function paint(context, { kind, erase, path, picture }) {
  const { width, height } = context.canvas;
  if (kind !== "stroke") context.clearRect(0, 0, width, height);
  if (kind === "picture") {
    const scale = Math.min(width / picture.width, height / picture.height);
    const [across, down] = [picture.width * scale, picture.height * scale];
    context.drawImage(picture, (width - across) / 2, (height - down) / 2, across, down);
  } else if (kind === "stroke") {
    context.globalCompositeOperation = erase ? "destination-out" : "source-over";
    context.fillStyle = INK;
    context.fill(path);
    context.globalCompositeOperation = "source-over";
  }
}

// An outline through the middles of its sides, smooth at its corners.
function toPath(outline) {
  const path = new Path2D();
  outline.forEach(([x, y], index) => {
    const [nextX, nextY] = outline[(index + 1) % outline.length];
    if (index === 0) path.moveTo((x + nextX) / 2, (y + nextY) / 2);
    else path.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  });
  path.closePath();
  return path;
}
