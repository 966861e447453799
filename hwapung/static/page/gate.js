// What a picture shows before the network looks: the same questions, in the same order, as model_training/runtime/facts
// and text. Limits are the card's; one that is null is not asked for.

/** Why a picture is none that the model can judge, or null.
 *  `file`: {width, height, quality} of the upright picture; `inside`: RGB {data, width, height}, as the network sees it. */
export function findReason(limits, file, inside, preprocessing) {
  const grey = toGrey(inside);
  const scale = measureScale(file, preprocessing);
  const { min_contrast: contrast, max_scale: finest, min_scale: coarsest, min_quality: quality, min_sharpness: sharpness } = limits;
  const aspect = Math.max(file.width, file.height) / Math.max(1, Math.min(file.width, file.height));
  if (Math.min(file.width, file.height) < limits.min_side) return "tiny";
  if (aspect > limits.max_aspect) return "long";
  if (measureContrast(grey) < contrast) return "blank";
  if (finest !== null && scale > finest) return "finer";
  if (coarsest !== null && scale < coarsest) return "coarser";
  if (quality !== null && (file.quality ?? 100) < quality) return "compressed";
  if (sharpness !== null && measureSharpness(inside) < sharpness) return "softer";
  return limits.refuses_text && looksLikeText(grey) ? "text" : null;
}

/** The quality that libjpeg writes a JPEG's luminance table at, 1 to 100; null for other files. */
export function readQuality(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  const sums = new Map();
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda;) {
    const end = at + 2 + bytes[at + 2] * 256 + bytes[at + 3];
    for (let table = at + 4; bytes[at + 1] === 0xdb && table < end;) {
      const [wide, number] = [bytes[table] >> 4, bytes[table] & 15];
      let sum = 0;
      for (let k = 0; k < 64; k += 1) sum += wide ? bytes[table + 1 + 2 * k] * 256 + bytes[table + 2 + 2 * k] : bytes[table + 1 + k];
      sums.set(number, sum);
      table += 1 + 64 * (wide ? 2 : 1);
    }
    at = end;
  }
  if (sums.size === 0) return null;
  const percent = (100 * sums.get(Math.min(...sums.keys()))) / 3688;
  return Math.min(100, Math.max(1, roundHalfEven(percent <= 100 ? 100 - percent / 2 : 5000 / percent)));
}

/** As Python rounds: a half to the even neighbour. */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

function toGrey({ data, width, height }) {
  const levels = new Uint8Array(width * height);
  for (let k = 0; k < levels.length; k += 1) {
    levels[k] = (data[3 * k] * 19595 + data[3 * k + 1] * 38470 + data[3 * k + 2] * 7471 + 0x8000) >> 16;
  }
  return { levels, width, height };
}

function measureScale(file, { width, height, fit }) {
  if (fit === "letterbox") return Math.min(1, Math.max(file.width, file.height) / Math.min(width, height));
  return Math.min(1, Math.sqrt((file.width * file.height) / (width * height)));
}

function countLevels({ levels }) {
  const counts = new Array(256).fill(0);
  levels.forEach((level) => { counts[level] += 1; });
  return counts;
}

function measureContrast(grey) {
  const counts = countLevels(grey);
  const mean = counts.reduce((sum, count, level) => sum + count * level, 0) / grey.levels.length;
  return Math.sqrt(counts.reduce((sum, count, level) => sum + count * (level - mean) ** 2, 0) / grey.levels.length);
}

// Crete et al. 2007, "The blur effect": of the two axes the sharper one, over every second row and column.
function measureSharpness({ data, width, height }) {
  const luma = (x, y) => {
    const at = 3 * (y * width + x);
    return Math.fround((data[at] * 299 + data[at + 1] * 587 + data[at + 2] * 114) / 1000);
  };
  const lose = (lines, length, read) => {
    let [before, lost] = [0, 0];
    for (let line = 0; line < lines; line += 2) {
      for (let k = 2; k + 3 < length; k += 1) {
        const own = Math.abs(read(line, k + 1) - read(line, k));
        const blurred = Math.abs(read(line, k + 3) - read(line, k - 2)) * 0.2;
        before += own;
        lost += Math.max(own - blurred, 0);
      }
    }
    return lost / Math.max(1e-9, before);
  };
  return Math.max(lose(height, width, (y, x) => luma(x, y)), lose(width, height, (x, y) => luma(x, y)));
}

// Lines of many small strokes, evenly spaced, with empty paper between them.
function looksLikeText(grey) {
  let counts = countLevels(grey);
  const total = grey.levels.length;
  const mean = counts.reduce((sum, count, level) => sum + count * level, 0) / total;
  const turned = middleLevel(counts, total) < mean;
  if (turned) counts = counts.reverse();
  const paper = middleLevel(counts, total);
  const darkest = Math.max(0, paper - 30);
  const inked = counts.slice(0, darkest).reduce((sum, count) => sum + count, 0);
  const share = inked / total;
  const uneven = counts.slice(darkest).reduce((sum, count, k) => sum + count * Math.abs(darkest + k - paper), 0);
  if (!(share > 0.02 && share < 0.4) || uneven / Math.max(1, total - inked) > 10) return false;
  const ink = Uint8Array.from(grey.levels, (level) => Number(turned ? level > 255 - darkest : level < darkest));
  const { width, height } = grey;
  return hasLines(height, width, (y, x) => ink[y * width + x]) || hasLines(width, height, (x, y) => ink[y * width + x]);
}

function middleLevel(counts, total) {
  let below = 0;
  return counts.findIndex((count) => (below += count) >= total / 2);
}

function hasLines(rows, columns, read) {
  const profile = Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let k = 0; k < columns; k += 1) sum += read(row, k);
    return sum / columns;
  });
  const least = 0.2 * quantile(profile, 0.9);
  const lines = [];
  profile.forEach((each, row) => {
    if (each <= least) return;
    if (lines.at(-1)?.end === row) lines.at(-1).end = row + 1;
    else lines.push({ start: row, end: row + 1 });
  });
  if (lines.length < 6) return false;
  const heights = lines.map((line) => line.end - line.start);
  const pitch = lines.slice(1).map((line, k) => line.start - lines[k].start);
  const spread = (values) => quantile(values.map((each) => Math.abs(each - quantile(values, 0.5))), 0.5);
  const strokes = lines.map(({ start, end }) => {
    let most = 0;
    for (let row = start; row < end; row += 1) {
      let changes = 0;
      for (let k = 1; k < columns; k += 1) changes += Number(read(row, k) !== read(row, k - 1));
      most = Math.max(most, changes);
    }
    return most;
  });
  return spread(pitch) <= 0.25 * quantile(pitch, 0.5) && spread(heights) <= 0.4 * quantile(heights, 0.5)
    && quantile(strokes, 0.5) >= 12;
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}
