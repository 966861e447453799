// A long strip in its window: the timeline of its panels and the window's scrolling are one place along it.

// `part`: the answer's timeline; `mount`: the window; `marks`: the drawing over the picture that frames a panel.
// Returns what lets go of the window.
export function unroll(part, mount, marks) {
  const find = (name) => part.querySelector(`[data-${name}]`);
  const [timeline, playhead, caption, hint] = ["timeline", "playhead", "caption", "hint"].map(find);
  const panels = [...timeline.querySelectorAll("[data-box]")].map((bar) => {
    const [left, top, right, bottom] = bar.dataset.box.split(" ").map(Number);
    return { left, top, right, bottom, words: bar.textContent };
  });
  const { right: width, bottom: height } = panels.at(-1);
  const lying = width > height;
  const ends = panels.map((panel) => (lying ? panel.right / width : panel.bottom / height));
  const frame = marks.firstElementChild;
  const listening = new AbortController();
  let chosen = -1;

  timeline.setAttribute("role", "slider");
  timeline.setAttribute("aria-label", timeline.dataset.label);
  timeline.setAttribute("aria-valuemin", 1);
  timeline.setAttribute("aria-valuemax", panels.length);
  timeline.tabIndex = 0;
  marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
  playhead.hidden = caption.hidden = hint.hidden = false;
  marks.removeAttribute("hidden");

  const panelAt = (share) => Math.max(0, ends.findIndex((end) => share < end || end === 1));
  const beginOf = (index) => ends[index - 1] ?? 0;
  const middleOf = (index) => (beginOf(index) + ends[index]) / 2;

  // The window is read in its middle; towards the ends of the strip at its own ends, so that every panel can be reached.
  function measure() {
    const whole = lying ? mount.scrollWidth : mount.scrollHeight;
    const shown = lying ? mount.clientWidth : mount.clientHeight;
    const way = whole - shown;
    const slow = Math.min(shown, way) / 2; // so far from either end
    return { whole, shown, way, slow, pace: 1 + shown / 2 / (slow || 1) };
  }

  // How far the window has been scrolled → which place is read, 0…1; and back.
  function readAt(scrolled) {
    const { whole, shown, way, slow, pace } = measure();
    if (scrolled < slow) return (scrolled * pace) / whole;
    if (scrolled > way - slow) return 1 - ((way - scrolled) * pace) / whole;
    return (scrolled + shown / 2) / (whole || 1); // 0 where the browser can't show the picture
  }

  function scrollFor(place) {
    const { whole, shown, way, slow, pace } = measure();
    const near = (slow * pace) / whole;
    if (place < near) return (place * whole) / pace;
    if (place > 1 - near) return way - ((1 - place) * whole) / pace;
    return place * whole - shown / 2;
  }

  function choose(index) {
    if (index === chosen) return;
    chosen = index;
    const { left, top, right, bottom, words } = panels[index];
    caption.textContent = words;
    timeline.setAttribute("aria-valuenow", index + 1);
    timeline.setAttribute("aria-valuetext", words);
    playhead.style.insetInlineStart = `${100 * middleOf(index)}%`;
    Object.entries({ x: left, y: top, width: right - left, height: bottom - top }).forEach(([name, value]) =>
      frame.setAttribute(name, value),
    );
  }

  // As near to the middle of the window as the panel can be while it is the one that is read.
  function show(index) {
    const { whole, shown, way } = measure();
    const centred = Math.min(Math.max(middleOf(index) * whole - shown / 2, 0), way);
    const [first, last] = [scrollFor(beginOf(index)) + 1, scrollFor(ends[index]) - 1];
    const place = Math.min(Math.max(centred, index ? first : 0), index < panels.length - 1 ? last : way);
    mount.scrollTo({ [lying ? "left" : "top"]: place, behavior: "instant" });
  }

  function goTo(index) {
    choose(index);
    show(index);
  }

  timeline.addEventListener("click", (event) => {
    const box = timeline.getBoundingClientRect();
    goTo(panelAt((event.clientX - box.left) / box.width));
  });

  timeline.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
    const goal = { Home: 0, End: panels.length - 1 }[event.key] ?? (event.key in steps ? chosen + steps[event.key] : null);
    if (goal === null) return;
    event.preventDefault();
    goTo(Math.min(Math.max(goal, 0), panels.length - 1));
  });

  const follow = () => choose(panelAt(readAt(lying ? mount.scrollLeft : mount.scrollTop)));
  mount.addEventListener("scroll", follow, { signal: listening.signal, passive: true });
  follow();
  const turned = new ResizeObserver(() => show(chosen)); // of a telephone, say: the panel stays
  turned.observe(mount);

  return () => {
    listening.abort();
    turned.disconnect();
    marks.setAttribute("hidden", "");
  };
}
