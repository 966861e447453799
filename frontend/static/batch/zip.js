// Zips, read and written where they are: of one that is read only the table of contents is in memory, and one that is
// written refers to the pictures. Names of a Korean Windows (CP949) and of macOS are understood.
import { isPicture, withCode } from "./files.js";

const END = 0x06054b50, LISTED = 0x02014b50, LOCAL = 0x04034b50;
const NAMED_IN_UTF8 = 0x800, ENCRYPTED = 1;
const MOST_ENTRIES = 50_000;
const LARGEST = 0xffffffff, MANY = 0xffff; // what is more stands elsewhere, in fields of eight bytes (ZIP64)
const LARGE_END = 0x06064b50, LARGE_END_PLACE = 0x07064b50, LARGE_NUMBERS = 1;

// The pictures of a zip, as files.js gives them. Throws an error with a code for what is no zip, or not made to be read.
export async function openZip(blob, leaveOut, limit) {
  const { size, place } = await findTable(blob);
  if (size > 512 * MOST_ENTRIES) throw withCode("too_many_pictures");
  const table = new DataView(await blob.slice(place, place + size).arrayBuffer());
  return walk(blob, table, leaveOut, limit);
}

async function findTable(blob) {
  const from = Math.max(0, blob.size - 65_577);
  const tail = new DataView(await blob.slice(from).arrayBuffer());
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw withCode("not_a_zip");
  const [count, size, place] = [tail.getUint16(end + 10, true), tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  if (count < MANY && size < LARGEST && place < LARGEST) return { size, place };
  if (end < 20 || tail.getUint32(end - 20, true) !== LARGE_END_PLACE) throw withCode("not_a_zip");
  const at = readLong(tail, end - 12);
  const large = new DataView(await blob.slice(at, at + 56).arrayBuffer());
  if (large.byteLength < 56 || large.getUint32(0, true) !== LARGE_END) throw withCode("not_a_zip");
  return { size: readLong(large, 40), place: readLong(large, 48) };
}

// Beyond 2^53 it is not exact, and beyond any file.
function readLong(view, at) {
  return Number(view.getBigUint64(at, true));
}

function* walk(blob, table, leaveOut, limit) {
  for (let at = 0; at + 46 <= table.byteLength && table.getUint32(at, true) === LISTED; ) {
    const short = (offset) => table.getUint16(at + offset, true);
    const long = (offset) => table.getUint32(at + offset, true);
    const [flags, method, named, further] = [short(8), short(10), short(28), short(30)];
    const isLink = ((long(38) >>> 16) & 0xf000) === 0xa000;
    const numbers = [long(24), long(20), long(42)];
    const start = at + 46;
    at = start + named + further + short(32);
    if (at > table.byteLength) throw withCode("broken_entry");
    const name = decode(new Uint8Array(table.buffer, start, named), flags);
    if (name.endsWith("/")) continue;
    const [size, packed, place] = enlarge(numbers, table, start + named, start + named + further);
    if (isLink || !isPicture(name)) leaveOut(name);
    else yield { name, size, read: () => unpack(blob, { flags, method, packed, size, place }, limit) };
  }
}

// In the place of numbers that say nothing, those of the fields between `at` and `end`, which are there in their order.
function enlarge(numbers, table, at, end) {
  if (!numbers.includes(LARGEST)) return numbers;
  for (; at + 4 <= end; at += 4 + table.getUint16(at + 2, true)) {
    if (table.getUint16(at, true) !== LARGE_NUMBERS) continue;
    let next = at + 4;
    const last = Math.min(end, next + table.getUint16(at + 2, true));
    return numbers.map((number) => {
      if (number !== LARGEST || next + 8 > last) return number;
      next += 8;
      return readLong(table, next - 8);
    });
  }
  return numbers;
}

function decode(bytes, flags) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder(flags & NAMED_IN_UTF8 ? "utf-8" : "euc-kr").decode(bytes);
  }
}

// No more is unpacked than a picture may have, whatever the entry claims.
async function unpack(blob, { flags, method, packed, size, place }, limit) {
  if (flags & ENCRYPTED) throw withCode("encrypted_entry");
  if (size > limit) throw withCode("picture_too_large");
  const head = new DataView(await blob.slice(place, place + 30).arrayBuffer());
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL) throw withCode("broken_entry");
  const from = place + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const data = blob.slice(from, from + packed);
  if (method === 0) return data;
  if (method !== 8) throw withCode("broken_entry");
  const pieces = [];
  let sum = 0;
  try {
    const reader = data.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      sum += piece.value.length;
      if (sum > size) break;
      pieces.push(piece.value);
    }
  } catch {
    throw withCode("broken_entry");
  }
  if (sum !== size) throw withCode("broken_entry");
  return new Blob(pieces);
}

// ---- writing: pictures are packed already, so they are stored as they are

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

function checksum(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

// `files`: [path, blob or function that gives one]. Those that can't be read are left out.
export async function writeZip(files, tell = () => {}) {
  const parts = [], listed = [];
  let place = 0, done = 0;
  for (const [path, source] of files) {
    tell(done++ / files.length);
    let blob, bytes;
    try {
      blob = typeof source === "function" ? await source() : source;
      bytes = new Uint8Array(await blob.arrayBuffer());
    } catch {
      continue;
    }
    const name = new TextEncoder().encode(path);
    const sizes = [checksum(bytes), bytes.length, bytes.length];
    parts.push(pack("42222244422", LOCAL, ...FACTS, ...sizes, name.length, 0), name, blob);
    listed.push(listEntry(name, sizes, place));
    place += 30 + name.length + bytes.length;
  }
  const size = listed.reduce((sum, each) => sum + each.size, 0);
  return new Blob([...parts, ...listed, endZip(listed.length, size, place)], { type: "application/zip" });
}

// version 2.0, a name in UTF-8, stored; 1 January 1980, for the pictures' own date is not known everywhere
const FACTS = [20, NAMED_IN_UTF8, 0, 0, 0x21];

// A line of the table of contents. `sizes`: checksum, packed and unpacked; `place`: where the entry begins, which beyond
// 4 GiB stands in a field of its own.
export function listEntry(name, sizes, place) {
  const far = place < LARGEST ? [] : [pack("228", 1, 8, place)];
  const lengths = [name.length, 12 * far.length, 0, 0, 0];
  const head = pack("42222224442222244", LISTED, 20, ...FACTS, ...sizes, ...lengths, 0, Math.min(place, LARGEST));
  return new Blob([head, name, ...far]);
}

// What stands after `count` lines of `size` bytes together, of which the first is at `place`. Where a number is too large
// for it, the larger end of ZIP64 is before it, and where that is.
export function endZip(count, size, place) {
  const many = Math.min(count, MANY);
  const end = pack("42222442", END, 0, 0, many, many, Math.min(size, LARGEST), Math.min(place, LARGEST), 0);
  if (count < MANY && size < LARGEST && place < LARGEST) return new Blob([end]);
  const large = pack("4822448888", LARGE_END, 44, 45, 45, 0, 0, count, count, size, place);
  return new Blob([large, pack("4484", LARGE_END_PLACE, 0, place + size, 1), end]);
}

// Numbers of so many bytes each.
function pack(widths, ...numbers) {
  const view = new DataView(new ArrayBuffer([...widths].reduce((sum, width) => sum + Number(width), 0)));
  let at = 0;
  numbers.forEach((number, index) => {
    const width = Number(widths[index]);
    if (width === 8) view.setBigUint64(at, BigInt(number), true);
    else if (width === 4) view.setUint32(at, number, true);
    else view.setUint16(at, number, true);
    at += width;
  });
  return new Uint8Array(view.buffer);
}
