// Resizing as the bundle's own runtime does it (fast_image_resize, whose filters are Pillow's): a separable filter,
// widened for shrinking, in fixed point; first down the columns, then along the rows, each rounded to 8 bits.

const FILTERS = {
  bilinear: { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Catmull and Rom's cubic, a = -0.5.
  bicubic: {
    support: 2,
    weigh(x) {
      const d = Math.abs(x);
      if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
      return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    },
  },
};
const MOST_BITS = 22;

/** For each of `length` outputs where its inputs begin, and their weights as whole numbers of `bits` binary places. */
function weighInputs(from, length, { support, weigh }) {
  const scale = from / length;
  const wide = Math.max(scale, 1);
  const rows = Array.from({ length }, (_, index) => {
    const center = (index + 0.5) * scale;
    const start = Math.max(0, Math.floor(center - support * wide));
    const end = Math.min(from, Math.ceil(center + support * wide));
    const weights = Array.from({ length: end - start }, (_, k) => weigh((start + k - (center - 0.5)) / wide));
    const sum = weights.reduce((total, each) => total + each, 0);
    return { start, weights: weights.map((each) => each / sum) };
  });
  const largest = rows.reduce((most, row) => Math.max(most, ...row.weights), 0);
  let bits = 0;
  while (bits < MOST_BITS - 1 && Math.round(largest * 2 ** (bits + 1)) < 2 ** 15) bits += 1;
  return { bits, rows: rows.map(({ start, weights }) => ({ start, weights: weights.map((each) => Math.round(each * 2 ** bits)) })) };
}

/** `image`: {data, width, height}, 3 bytes a pixel. `step`: bytes from one input of a filter to the next. */
function filter(image, along, step, target) {
  const half = 2 ** (along.bits - 1);
  const lines = target.count;
  const result = new Uint8ClampedArray(target.width * target.height * 3);
  along.rows.forEach(({ start, weights }, index) => {
    for (let line = 0; line < lines; line += 1) {
      const from = target.read(line, start);
      const to = target.write(line, index);
      for (let channel = 0; channel < 3; channel += 1) {
        let sum = half;
        for (let k = 0, at = from + channel; k < weights.length; k += 1, at += step) sum += weights[k] * image.data[at];
        result[to + channel] = Math.floor(sum / 2 ** along.bits); // clamped to 0…255
      }
    }
  });
  return { data: result, width: target.width, height: target.height };
}

/** An RGB image {data, width, height} at another size; `interpolation`: bilinear or bicubic. */
export function resize(image, width, height, interpolation) {
  const kernel = FILTERS[interpolation];
  let now = image;
  if (now.height !== height) {
    const row = now.width * 3;
    now = filter(now, weighInputs(now.height, height, kernel), row, {
      width: now.width, height, count: now.width,
      read: (line, start) => start * row + line * 3,
      write: (line, index) => index * row + line * 3,
    });
  }
  if (now.width !== width) {
    const before = now.width * 3;
    now = filter(now, weighInputs(now.width, width, kernel), 3, {
      width, height, count: height,
      read: (line, start) => line * before + start * 3,
      write: (line, index) => (line * width + index) * 3,
    });
  }
  return now;
}
