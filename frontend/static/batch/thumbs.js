// Small pictures, drawn by the browser when a tile comes into sight; a few at a time, and the oldest are forgotten.

const SIDE = 336; // twice a tile's, for dense screens
const KEPT = 300, AT_ONCE = 3;

export class Thumbs {
  constructor() {
    this.known = new Map(); // item → canvas, or null where the browser can't show it
    this.wanted = new Map(); // item → tile
    this.working = 0;
  }

  // Put the item's small picture into a tile's box, now or as soon as it is there.
  want(item, tile) {
    if (this.known.has(item)) return this.place(item, tile);
    this.wanted.set(item, tile);
    this.work();
  }

  drop(item) {
    this.wanted.delete(item);
  }

  clear() {
    this.known.clear();
    this.wanted.clear();
  }

  async work() {
    while (this.working < AT_ONCE && this.wanted.size) {
      const [item, tile] = [...this.wanted].at(-1); // who has just come into sight is looked at
      this.wanted.delete(item);
      this.working++;
      draw(item).then((canvas) => {
        this.working--;
        this.known.set(item, canvas);
        if (this.known.size > KEPT) this.known.delete(this.known.keys().next().value);
        if (tile.isConnected && tile.item === item) this.place(item, tile);
        this.work();
      });
    }
  }

  place(item, tile) {
    const canvas = this.known.get(item);
    const box = tile.querySelector(".tile-mat");
    if (canvas) box.replaceChildren(canvas);
    else box.classList.add("unseen");
  }
}

async function draw(item) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(await item.read());
  } catch {
    return null; // such as a TIFF, or a broken file
  }
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}
