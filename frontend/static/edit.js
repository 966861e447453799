// Crop and rotate a picture before it goes out. Nothing leaves the browser here.
const GRIP = 24; // pixels on the screen around a corner that take hold of it
const LEAST = 0.02; // of a side

// Returns a function from a file to the file as it was edited, the same one where nothing was, or null where the
// visitor gave up. Throws where the browser can't read the picture.
export function prepareEditor(dialog, maxBytes) {
  const canvas = dialog.querySelector("canvas");
  const edges = Object.fromEntries(["left", "right", "top", "bottom"].map((name) => [name, dialog.querySelector(`[data-edge="${name}"]`)]));
  let picture = null;
  let turns = 0; // quarter turns clockwise
  let box = whole(); // in shares of the turned picture
  let held = null;

  function whole() {
    return { left: 0, top: 0, right: 1, bottom: 1 };
  }

  function turned() {
    return turns % 2 ? [picture.height, picture.width] : [picture.width, picture.height];
  }

  // The turned picture, `scale` times its size, with the place (left, top) of it in the corner.
  function paint(context, scale, left = 0, top = 0) {
    const [width, height] = turned();
    context.save();
    context.scale(scale, scale);
    context.translate(width / 2 - left, height / 2 - top);
    context.rotate((turns * Math.PI) / 2);
    context.drawImage(picture, -picture.width / 2, -picture.height / 2);
    context.restore();
  }

  function draw() {
    const [width, height] = turned();
    const scale = Math.min(1, 1200 / Math.max(width, height));
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext("2d");
    paint(context, scale);
    const [x, y] = [box.left * canvas.width, box.top * canvas.height];
    const [across, down] = [(box.right - box.left) * canvas.width, (box.bottom - box.top) * canvas.height];
    const shade = new Path2D();
    shade.rect(0, 0, canvas.width, canvas.height);
    shade.rect(x, y, across, down);
    context.fillStyle = "rgb(0 0 0 / .55)";
    context.fill(shade, "evenodd");
    const grain = canvas.width / (canvas.clientWidth || canvas.width); // of the canvas in one of the screen
    context.strokeStyle = "#fff";
    context.lineWidth = 2 * grain;
    context.strokeRect(x, y, across, down);
    context.fillStyle = "#fff";
    for (const [cornerX, cornerY] of [[x, y], [x + across, y], [x, y + down], [x + across, y + down]]) {
      context.fillRect(cornerX - 5 * grain, cornerY - 5 * grain, 10 * grain, 10 * grain);
    }
    for (const [name, input] of Object.entries(edges)) input.value = Math.round(100 * (name in { left: 0, top: 0 } ? box[name] : 1 - box[name]));
  }

  function place(event) {
    const frame = canvas.getBoundingClientRect();
    const share = (value) => Math.min(Math.max(value, 0), 1);
    return [share((event.clientX - frame.left) / frame.width), share((event.clientY - frame.top) / frame.height)];
  }

  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    const frame = canvas.getBoundingClientRect();
    const near = (side, at, length) => Math.abs(box[side] - at) * length < GRIP;
    const across = ["left", "right"].find((side) => near(side, x, frame.width));
    const down = ["top", "bottom"].find((side) => near(side, y, frame.height));
    const inside = x > box.left && x < box.right && y > box.top && y < box.bottom;
    const all = box.left === 0 && box.top === 0 && box.right === 1 && box.bottom === 1;
    if (across && down) held = { across, down };
    else if (inside && !all) held = { from: [x, y], box: { ...box } };
    else {
      box = { left: x, right: x, top: y, bottom: y };
      held = { across: "right", down: "bottom", origin: [x, y] };
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = place(event);
    if (held.from) {
      const move = (low, high, by) => Math.min(Math.max(by, -held.box[low]), 1 - held.box[high]);
      const [across, down] = [move("left", "right", x - held.from[0]), move("top", "bottom", y - held.from[1])];
      box = { left: held.box.left + across, right: held.box.right + across, top: held.box.top + down, bottom: held.box.bottom + down };
    } else if (held.origin) {
      const [fromX, fromY] = held.origin;
      box = { left: Math.min(fromX, x), right: Math.max(fromX, x), top: Math.min(fromY, y), bottom: Math.max(fromY, y) };
    } else {
      box[held.across] = held.across === "left" ? Math.min(x, box.right - LEAST) : Math.max(x, box.left + LEAST);
      box[held.down] = held.down === "top" ? Math.min(y, box.bottom - LEAST) : Math.max(y, box.top + LEAST);
    }
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      held = null;
      if (box.right - box.left < LEAST || box.bottom - box.top < LEAST) box = whole(); // a mere click
      draw();
    });
  }

  for (const [name, input] of Object.entries(edges)) {
    input.addEventListener("input", () => {
      const share = input.value / 100;
      if (name === "left") box.left = Math.min(share, box.right - LEAST);
      else if (name === "top") box.top = Math.min(share, box.bottom - LEAST);
      else if (name === "right") box.right = Math.max(1 - share, box.left + LEAST);
      else box.bottom = Math.max(1 - share, box.top + LEAST);
      draw();
    });
  }

  dialog.querySelectorAll("[data-turn]").forEach((button) =>
    button.addEventListener("click", () => {
      turns = (turns + Number(button.dataset.turn) + 4) % 4;
      box = whole();
      draw();
    }),
  );

  async function cut(file) {
    const [width, height] = turned();
    const [left, top] = [Math.round(box.left * width), Math.round(box.top * height)];
    const [right, bottom] = [Math.round(box.right * width), Math.round(box.bottom * height)];
    if (!turns && !left && !top && right === width && bottom === height) return file;
    const page = document.createElement("canvas");
    page.width = Math.max(1, right - left);
    page.height = Math.max(1, bottom - top);
    paint(page.getContext("2d"), 1, left, top);
    const encode = (kind, quality) => new Promise((resolve) => page.toBlob(resolve, kind, quality));
    let blob = await encode("image/png"); // without loss, since traces of compression are what some models look at
    if (blob.size > maxBytes) blob = await encode("image/jpeg", 0.95);
    const stem = (file.name ?? "picture").replace(/\.\w+$/, "");
    return new File([blob], `${stem}-cut.${blob.type === "image/png" ? "png" : "jpg"}`, { type: blob.type });
  }

  return async function edit(file) {
    picture = await createImageBitmap(file);
    turns = 0;
    box = whole();
    dialog.returnValue = "";
    dialog.showModal();
    draw();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    const edited = dialog.returnValue === "use" ? await cut(file) : null;
    picture.close();
    return edited;
  };
}
