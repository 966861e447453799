// A closer look at the picture: zoom, pan and the whole screen. What lies over the picture goes along.
const MOST = 8;
const STEP = 1.5;

// `stage`: what fills the screen. Returns what puts the picture back as it was.
export function prepareView(stage, mount, buttons) {
  let [zoom, x, y] = [1, 0, 0]; // x and y: of the middle, in shares of the mount
  const fingers = new Map();
  const windowed = () => mount.matches(".tall, .wide"); // a long picture is scrolled, not zoomed

  function draw() {
    const room = (zoom - 1) / 2;
    x = Math.min(Math.max(x, -room), room);
    y = Math.min(Math.max(y, -room), room);
    mount.classList.toggle("zoomed", zoom > 1);
    mount.style.setProperty("--zoom", zoom);
    mount.style.setProperty("--x", `${100 * x}%`);
    mount.style.setProperty("--y", `${100 * y}%`);
    if (!windowed()) {
      if (zoom > 1) mount.tabIndex = 0;
      else mount.removeAttribute("tabindex");
    }
    buttons.out.setAttribute("aria-disabled", String(zoom === 1));
    buttons.in.setAttribute("aria-disabled", String(zoom === MOST || windowed()));
  }

  // What is at `place` (clientX, clientY; else the middle) stays where it is.
  function zoomBy(factor, place) {
    if (windowed()) return;
    const before = zoom;
    zoom = Math.min(Math.max(zoom * factor, 1), MOST);
    const box = mount.getBoundingClientRect();
    const [across, down] = place ? [(place[0] - box.left) / box.width - 0.5, (place[1] - box.top) / box.height - 0.5] : [0, 0];
    x = across - ((across - x) * zoom) / before;
    y = down - ((down - y) * zoom) / before;
    draw();
  }

  function reset() {
    [zoom, x, y] = [1, 0, 0];
    draw();
  }

  buttons.in.addEventListener("click", () => zoomBy(STEP));
  buttons.out.addEventListener("click", () => zoomBy(1 / STEP));
  mount.addEventListener("dblclick", (event) => (zoom > 1 ? reset() : zoomBy(3, [event.clientX, event.clientY])));
  mount.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey || windowed()) return; // as browsers say that fingers pinch a touch pad
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 150), [event.clientX, event.clientY]);
    },
    { passive: false },
  );
  mount.addEventListener("keydown", (event) => {
    const ways = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    if (zoom === 1 || !(event.key in ways)) return;
    event.preventDefault();
    x += ways[event.key][0];
    y += ways[event.key][1];
    draw();
  });

  mount.addEventListener("pointerdown", (event) => {
    if (windowed()) return;
    fingers.set(event.pointerId, event);
    if (zoom > 1) mount.setPointerCapture(event.pointerId);
  });
  mount.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const other = [...fingers.values()].find((each) => each.pointerId !== event.pointerId);
    fingers.set(event.pointerId, event);
    if (other) {
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      zoomBy(apart(event) / (apart(last) || 1), [(event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2]);
    } else if (zoom > 1) {
      const box = mount.getBoundingClientRect();
      x += (event.clientX - last.clientX) / box.width;
      y += (event.clientY - last.clientY) / box.height;
      draw();
    }
  });
  for (const end of ["pointerup", "pointercancel"]) mount.addEventListener(end, (event) => fingers.delete(event.pointerId));

  buttons.full.hidden = !document.fullscreenEnabled;
  buttons.full.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen()));
  document.addEventListener("fullscreenchange", () => {
    buttons.full.setAttribute("aria-pressed", String(Boolean(document.fullscreenElement)));
  });
  draw();
  return reset;
}
