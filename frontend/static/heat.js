// A heatmap over a picture: off until it is asked for, as strong as wished, and drawn aside to compare.

// `heat`: the image; `controls`: the sliders' part of the page. `toggle`: the button that lays it on, where there is one.
export function prepareHeat(heat, controls, toggle = null) {
  const [strength, aside] = ["strength", "aside"].map((name) => controls.querySelector(`[data-${name}]`));
  const line = heat.parentElement.querySelector("[data-aside-line]");

  function draw() {
    heat.style.opacity = strength.value / 100;
    heat.style.clipPath = `inset(0 0 0 ${aside.value}%)`;
    if (!line) return;
    line.hidden = heat.hidden || aside.value === "0";
    line.style.insetInlineStart = `${aside.value}%`;
  }

  function lay(on) {
    heat.hidden = controls.hidden = !on;
    toggle?.setAttribute("aria-pressed", String(on));
    draw();
  }

  strength.addEventListener("input", draw);
  aside.addEventListener("input", draw);
  toggle?.addEventListener("click", () => lay(heat.hidden));

  return {
    // A new map; `on`: it lies over the picture at once.
    bring(source, on) {
      heat.src = source;
      if (toggle) toggle.hidden = false;
      aside.value = 0;
      lay(on);
    },
    take() {
      heat.removeAttribute("src");
      if (toggle) toggle.hidden = true;
      lay(false);
    },
    get shown() {
      return !heat.hidden;
    },
  };
}

// The picture as it is seen, with the heatmap at its strength, as a PNG.
export async function drawTogether(picture, heat) {
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  context.globalAlpha = Number(heat.style.opacity || 1);
  context.imageSmoothingQuality = "high";
  context.drawImage(heat, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
