// Rows of tiles of which only those in sight are there: thousands of pictures are as light as dozens.

const GAP = 14, CAPTION = 76, NARROWEST = { desk: 168, phone: 132 };
const AHEAD = 400; // pixels above and below what is seen

export class Grid {
  // paint(tile, item) writes an item into a tile; leave(item) is told of one that goes out of sight; covered() says how
  // much of the window's top lies under something.
  constructor(box, paint, { leave, covered }) {
    Object.assign(this, { box, paint, leave, covered, items: [], places: new Map(), tiles: new Map(), columns: 1, selected: null, drawing: 0 });
    new ResizeObserver(() => this.measure()).observe(box);
    addEventListener("scroll", () => this.schedule(), { passive: true });
    addEventListener("resize", () => this.schedule());
  }

  show(items) {
    this.items = items;
    this.places = new Map(items.map((item, index) => [item, index]));
    this.measure();
  }

  measure() {
    const width = this.box.clientWidth;
    if (!width) return;
    const narrowest = width < 560 ? NARROWEST.phone : NARROWEST.desk;
    this.columns = Math.max(1, Math.floor((width + GAP) / (narrowest + GAP)));
    this.side = (width + GAP) / this.columns - GAP;
    this.step = this.side + CAPTION + GAP;
    this.box.style.blockSize = `${Math.max(0, Math.ceil(this.items.length / this.columns) * this.step - GAP)}px`;
    this.box.style.setProperty("--side", `${this.side}px`);
    this.schedule();
  }

  schedule() {
    this.drawing ||= requestAnimationFrame(() => {
      this.drawing = 0;
      this.draw();
    });
  }

  draw() {
    if (!this.step || !this.box.isConnected) return;
    const top = -this.box.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((top - AHEAD) / this.step)) * this.columns;
    const last = Math.min(this.items.length, Math.ceil((top + innerHeight + AHEAD) / this.step) * this.columns);
    const seen = new Set(this.items.slice(first, Math.max(first, last)));
    for (const [item, tile] of this.tiles) {
      if (seen.has(item)) continue;
      this.leave(item);
      tile.remove();
      this.tiles.delete(item);
    }
    for (const item of seen) {
      const tile = this.tiles.get(item) ?? this.add(item);
      const index = this.places.get(item);
      const [row, column] = [Math.floor(index / this.columns), index % this.columns];
      tile.style.transform = `translate(${column * (this.side + GAP)}px, ${row * this.step}px)`;
      tile.setAttribute("aria-posinset", index + 1);
      tile.setAttribute("aria-setsize", this.items.length);
      tile.setAttribute("aria-selected", String(item === this.selected));
    }
    const active = this.tiles.get(this.selected);
    if (active) this.box.setAttribute("aria-activedescendant", active.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  add(item) {
    const tile = document.createElement("div");
    tile.id = `tile-${item.index}`;
    tile.setAttribute("role", "option");
    tile.item = item;
    this.tiles.set(item, tile);
    this.paint(tile, item);
    this.box.append(tile);
    return tile;
  }

  // An item has changed.
  renew(item) {
    const tile = this.tiles.get(item);
    if (tile) this.paint(tile, item);
  }

  select(item, { scroll = true } = {}) {
    this.selected = item;
    if (scroll && item) this.reveal(item);
    this.schedule();
  }

  reveal(item) {
    const top = Math.floor(this.places.get(item) / this.columns) * this.step + this.box.getBoundingClientRect().top;
    const upper = this.covered() + 8;
    if (top < upper) scrollBy(0, top - upper);
    else if (top + this.step > innerHeight) scrollBy(0, top + this.step - innerHeight + 8);
  }

  // The item so many places on; that of an edge where there is no further one.
  neighbour(by) {
    const index = this.places.get(this.selected);
    if (index === undefined) return this.items[0];
    return this.items[Math.min(this.items.length - 1, Math.max(0, index + by))];
  }
}
