"use strict";
{
  const korean = document.getElementById("ko");
  const say = () => { document.documentElement.lang = korean.checked ? "ko" : "en"; };
  const wanted = new URLSearchParams(location.search).get("lang") || navigator.language;
  if (wanted.startsWith("ko")) korean.checked = true;
  say();
  document.querySelector(".languages").addEventListener("change", say);

  // On the site there is a way back to the model's page, in the language of the reader; a file on a disk has none.
  const back = document.querySelector(".back");
  back.hidden = !/^https?:$/.test(location.protocol);
  back.addEventListener("click", () => { back.search = `?lang=${document.documentElement.lang}`; });

  const unpack = (element) => {
    const bytes = Uint8Array.from(atob(element.querySelector(".packed").textContent), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  };

  const tip = document.querySelector(".tip");
  let shown = null;
  const hide = () => { tip.hidden = true; shown?.classList.remove("shown"); shown = null; };
  const show = (circle) => {
    hide();
    shown = circle;
    circle.classList.add("shown");
    tip.querySelector("img").src = circle.dataset.picture;
    tip.querySelector("p").textContent = korean.checked ? circle.dataset.ko : circle.dataset.en;
    tip.hidden = false;
    const place = circle.getBoundingClientRect();
    const left = place.right + 10 + tip.offsetWidth > innerWidth ? place.left - 10 - tip.offsetWidth : place.right + 10;
    tip.style.left = `${scrollX + Math.max(4, Math.min(left, innerWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${scrollY + Math.max(4, Math.min(place.top - 20, innerHeight - tip.offsetHeight - 4))}px`;
  };
  const undrawn = new Map();
  const draw = (map) => {
    map.append(...undrawn.get(map).map(([x, y, colour, wrong, picture, en, ko]) => {
      const circle = document.createElementNS(map.namespaceURI, "circle");
      for (const [name, value] of Object.entries({ cx: x, cy: y, r: 4.5 })) circle.setAttribute(name, value);
      circle.setAttribute("class", `c${colour}${wrong ? " wrong" : ""}`);
      Object.assign(circle.dataset, { picture, en, ko });
      return circle;
    }));
    undrawn.delete(map);
    coming.unobserve(map);
  };
  const coming = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) draw(target);
  }, { rootMargin: "100%" });
  addEventListener("beforeprint", () => [...undrawn.keys()].forEach(draw));
  for (const map of document.querySelectorAll(".map")) {
    unpack(map.parentElement).then((points) => {
      undrawn.set(map, points);
      coming.observe(map);
    });
    map.addEventListener("pointerover", (event) => event.target.dataset.picture ? show(event.target) : hide());
    map.addEventListener("pointerleave", hide);
    map.addEventListener("click", (event) => { if (event.target.dataset.picture) show(event.target); });
  }

  const quote = (value) => /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  for (const review of document.querySelectorAll(".review")) {
    review.addEventListener("submit", async (event) => {
      event.preventDefault();
      const mended = new Map([...review.querySelectorAll("input:checked")].map((box) => [box.value, box.dataset.label]));
      const rows = await unpack(review);
      const lines = rows.map(([path, label]) => `${quote(path)},${quote(mended.get(path) ?? label)}`);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([["path,label", ...lines, ""].join("\n")], { type: "text/csv" }));
      link.download = "manifest.csv";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}
