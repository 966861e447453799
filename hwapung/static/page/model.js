// A picture's bytes → the answer that the server gives of them: the card says what is done, the network what is seen.
import * as ort from "./ort/ort.wasm.min.mjs";
import { findReason, readQuality, roundHalfEven } from "./gate.js";
import { resize } from "./resize.js";

ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

export async function loadModel() {
  const [card, network] = await Promise.all([fetchPart("card.json", "json"), fetchPart("model.onnx", "arrayBuffer")]);
  const session = await ort.InferenceSession.create(network);
  return { card, answer: (blob) => answer(card, session, blob) };
}

async function fetchPart(name, kind) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response[kind]();
}

async function answer(card, session, blob) {
  const { width, height } = card.preprocessing;
  const started = performance.now();
  const { image, quality } = await decode(blob);
  const { pixels, inside } = fit(image, card.preprocessing);
  const input = new ort.Tensor("uint8", pixels, [1, height, width, 3]);
  const { logits, distance } = await session.run({ pixels: input });
  const far = distance && distance.data[0] > card.ood.threshold;
  const file = { width: image.width, height: image.height, quality };
  const reason = card.ood && (findReason(card.ood.limits, file, inside, card.preprocessing) ?? (far ? "unlike" : null));
  return { ...phrase(card, softmax([...logits.data], card.calibration.temperature), reason), processing_time_ms: performance.now() - started };
}

/** Upright RGB on white paper, in sRGB. */
export async function decode(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const bitmap = await createImageBitmap(new Blob([bytes]), { imageOrientation: "from-image" });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data: rgba } = context.getImageData(0, 0, width, height);
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return { image: { data, width, height }, quality: readQuality(bytes) };
}

/** What the network sees, and the picture in it, without a letterbox's black margins. */
export function fit(image, { width, height, fit: kind, interpolation }) {
  if (kind !== "letterbox") {
    const inside = resize(image, width, height, interpolation);
    return { pixels: new Uint8Array(inside.data), inside };
  }
  const scale = Math.min(width / image.width, height / image.height);
  const across = Math.max(1, Math.min(width, roundHalfEven(image.width * scale)));
  const down = Math.max(1, Math.min(height, roundHalfEven(image.height * scale)));
  const inside = resize(image, across, down, interpolation);
  const [left, top] = [Math.floor((width - across) / 2), Math.floor((height - down) / 2)];
  const pixels = new Uint8Array(width * height * 3);
  for (let row = 0; row < down; row += 1) {
    pixels.set(inside.data.subarray(row * across * 3, (row + 1) * across * 3), ((top + row) * width + left) * 3);
  }
  return { pixels, inside };
}

function softmax(logits, temperature) {
  const largest = Math.max(...logits);
  const raised = logits.map((each) => Math.exp((each - largest) / temperature));
  const sum = raised.reduce((total, each) => total + each, 0);
  return raised.map((each) => each / sum);
}

function phrase(card, probabilities, reason) {
  const keys = card.labels.map((label) => label.key);
  const order = keys.map((_, index) => index).sort((a, b) => probabilities[b] - probabilities[a]);
  const [best] = order;
  const said = {
    class: keys[best],
    confidence: probabilities[best],
    probabilities: Object.fromEntries(keys.map((key, index) => [key, probabilities[index]])),
    model: card.name,
    version: card.version,
  };
  if (reason) return { ...said, verdict: "unknown", reason };
  const choose = (reaches) => {
    const inside = order.filter(reaches);
    return (inside.length ? inside : [best]).map((index) => keys[index]);
  };
  const verdict = probabilities[best] >= card.thresholds.sure ? "sure" : "unsure";
  if (!card.conformal) return { ...said, verdict };
  const { target_coverage: coverage, min_probability: bound, class_conditional: own } = card.conformal;
  const set = { coverage, classes: choose((index) => probabilities[index] >= bound - 1e-12) };
  if (own.length) set.class_conditional = choose((index) => probabilities[index] >= own[index].min_probability - 1e-12);
  return { ...said, verdict, prediction_set: set };
}
