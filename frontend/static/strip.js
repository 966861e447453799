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
  const middleOf = (index) => ((ends[index - 1] ?? 0) + ends[index]) / 2;

  // The window has gone as far of its way as its place is along the strip, so that both ends can be reached.
  const way = () => (lying ? mount.scrollWidth - mount.clientWidth : mount.scrollHeight - mount.clientHeight);
  const scrolled = () => (lying ? mount.scrollLeft : mount.scrollTop) / (way() || 1);

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

  function goTo(index) {
    choose(index);
    mount.scrollTo({ [lying ? "left" : "top"]: middleOf(index) * way(), behavior: "instant" });
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

  mount.addEventListener("scroll", () => choose(panelAt(scrolled())), { signal: listening.signal, passive: true });
  choose(panelAt(scrolled()));

  return () => {
    listening.abort();
    marks.setAttribute("hidden", "");
  };
}
