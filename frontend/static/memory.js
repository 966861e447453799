// What this browser remembers: of a model's answers a small picture, the answer and the time, and what the visitor corrected.
// It never leaves the device.
const MOST = 30; // answers of each model
const SIDE = 480; // pixels of the small picture

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("hwapung", 2);
    request.onupgradeneeded = ({ oldVersion }) => {
      const database = request.result;
      if (oldVersion < 1) {
        database.createObjectStore("answers", { keyPath: "id", autoIncrement: true }).createIndex("model", "model");
        database.createObjectStore("carried");
      }
      database.createObjectStore("corrections", { keyPath: ["model", "picture"] }).createIndex("model", "model");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// Runs `work` with a store and resolves with its request's result; with undefined where the browser keeps nothing.
async function use(name, mode, work) {
  let database;
  try {
    database = await open();
    const request = work(database.transaction(name, mode).objectStore(name));
    return await new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } catch {
    return undefined; // a private window, or a full disk: the page works without a memory
  } finally {
    database?.close();
  }
}

// `answer`: {model, line, language, content, picture (Blob or null)}
export async function remember(answer) {
  await use("answers", "readwrite", (store) => store.add({ ...answer, time: Date.now() }));
  const all = await recall(answer.model);
  for (const old of all.slice(MOST)) await use("answers", "readwrite", (store) => store.delete(old.id));
}

// The answers of a model, newest first.
export async function recall(model) {
  const found = (await use("answers", "readonly", (store) => store.index("model").getAll(model))) ?? [];
  return found.reverse();
}

// Its answers and its corrections.
export async function forget(model) {
  for (const each of await recall(model)) await use("answers", "readwrite", (store) => store.delete(each.id));
  await use("corrections", "readwrite", (store) => store.delete(IDBKeyRange.bound([model], [model, []])));
}

// `picture`: what tells it from others; `labels`: an array, or null to take it back.
export async function keepCorrection(model, picture, labels) {
  await use("corrections", "readwrite", (store) => (labels ? store.put({ model, picture, labels }) : store.delete([model, picture])));
}

// Of a model: picture → labels.
export async function recallCorrections(model) {
  const found = (await use("corrections", "readonly", (store) => store.index("model").getAll(model))) ?? [];
  return new Map(found.map(({ picture, labels }) => [picture, labels]));
}

// What goes over to the next page of this tab: `{file}`, or `{id}` of an answer.
export async function carry(what) {
  await use("carried", "readwrite", (store) => store.put(what, "now"));
  sessionStorage.setItem("carried", "now");
}

export async function takeCarried() {
  if (!sessionStorage.getItem("carried")) return undefined;
  sessionStorage.removeItem("carried");
  const what = await use("carried", "readonly", (store) => store.get("now"));
  await use("carried", "readwrite", (store) => store.clear());
  return what;
}

// A small copy of an image element; null where the browser can't show it.
export async function shrink(image) {
  if (!image.naturalWidth) return null;
  const scale = Math.min(1, SIDE / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
}
