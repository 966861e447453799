// The verdict in one line at the window's lower edge, while the answer itself is out of sight.

// Returns a function that says which answer is watched now, or null.
export function keepInView(line) {
  let goal = null;
  const observer = new IntersectionObserver((entries) => {
    const seen = entries.at(-1).isIntersecting;
    line.hidden = seen;
  });
  line.addEventListener("click", () => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    goal.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "center" });
  });
  return (answer) => {
    observer.disconnect();
    line.hidden = true;
    if (!answer) return;
    line.textContent = answer.dataset.line;
    goal = answer.querySelector("[data-headline]");
    observer.observe(goal);
  };
}
