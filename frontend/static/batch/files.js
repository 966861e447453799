// What a visitor chose or dropped → pictures one by one. Nothing is read before its turn.
import { openZip } from "./zip.js";

// Beside these a folder has what systems leave in it.
const SYSTEM = /(^|\/)(\.(?!\.?\/)|thumbs\.db$|desktop\.ini$|__macosx\/|@eadir\/)/i;

// Whether a drop is more than one picture. Its items are to be had during the event alone.
export function holdsMany(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  return items.length > 1 || items.some((item) => item.webkitGetAsEntry?.()?.isDirectory || isZip(item.getAsFile()));
}

function isZip(file) {
  return Boolean(file && (/\.zip$/i.test(file.name) || file.type === "application/zip"));
}

// Each as { name, size, read }: `read` gives a blob, or throws an error with a `code`. What is no picture counts as left
// out: `leaveOut` is called for it.
export async function* walkDrop(transfer, leaveOut, limit) {
  const found = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  for (const { entry, file } of found) {
    if (entry?.isDirectory) yield* walkFolder(entry, leaveOut, limit);
    else if (file) yield* walkFile(file, file.name, leaveOut, limit);
  }
}

export async function* walkFiles(files, leaveOut, limit) {
  for (const file of files) yield* walkFile(file, file.webkitRelativePath || file.name, leaveOut, limit);
}

async function* walkFolder(folder, leaveOut, limit) {
  const reader = folder.createReader();
  const path = (entry) => entry.fullPath.replace(/^\//, "");
  for (;;) {
    let entries;
    try {
      entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    } catch {
      yield unreadable(`${path(folder)}/`);
      return;
    }
    if (!entries.length) return;
    for (const entry of entries) {
      if (entry.isDirectory) {
        yield* walkFolder(entry, leaveOut, limit);
        continue;
      }
      const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
      if (file) yield* walkFile(file, path(entry), leaveOut, limit);
      else if (!SYSTEM.test(path(entry))) yield unreadable(path(entry));
    }
  }
}

async function* walkFile(file, name, leaveOut, limit) {
  if (isZip(file)) {
    try {
      yield* await openZip(file, leaveOut, limit);
    } catch (error) {
      yield { name, size: file.size, read: () => Promise.reject(withCode(error.code ?? "unreadable")) };
    }
  } else if (isPicture(name, file.type)) {
    yield { name, size: file.size, read: async () => file };
  } else {
    leaveOut(name);
  }
}

// What a name and a type say; what it holds is the model's to say.
export function isPicture(name, type = "") {
  return !SYSTEM.test(name) && (!type || type.startsWith("image/")) && !/\.(zip|7z|rar|gz|tar|txt|md|csv|json|pdf|mp4|mov|avi|mkv|webm)$/i.test(name);
}

function unreadable(name) {
  return { name, size: 0, read: () => Promise.reject(withCode("unreadable")) };
}

export function withCode(code) {
  return Object.assign(new Error(code), { code });
}
