// The answers and corrections as files, made here: nothing of them is on the server.
import { classesOf, confidenceOf } from "./answers.js";
import { writeZip } from "./zip.js";

// The columns of `hwapung predict --to`, and what the visitor says.
export function toCsv(items, keys, task) {
  const named = task === "multi_label" ? "labels" : "class";
  const head = ["path", named, "confidence", "verdict", "reason", "prediction_set", "correction", ...keys.map((key) => `p:${key}`), "error", "message"];
  const rows = items.map((item) => {
    const { answer = {}, error = {} } = item;
    const told = item.answer ? [named === "labels" ? JSON.stringify(answer.labels) : answer.class, confidenceOf(answer)] : ["", ""];
    const set = answer.prediction_set ? JSON.stringify(answer.prediction_set.classes) : "";
    const shares = keys.map((key) => answer.probabilities?.[key] ?? "");
    return [item.name, ...told, answer.verdict ?? "", answer.reason ?? "", set, item.correction?.join(";") ?? "", ...shares, error.code ?? "", error.message ?? ""];
  });
  const text = [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
  return new Blob(["\ufeff", text], { type: "text/csv" }); // Excel knows UTF-8 by its mark
}

// A spreadsheet takes what begins like this for a formula.
function cell(value) {
  let text = String(value);
  if (typeof value === "string" && /^[=+\-@\t\r\n']/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function toJson(items) {
  const rows = items.map(({ name, answer, error, correction }) => ({
    path: name,
    ...(answer ?? {}),
    ...(error ? { error } : {}),
    ...(correction ? { correction } : {}),
  }));
  return new Blob([`${JSON.stringify(rows, null, 1)}\n`], { type: "application/json" });
}

// CLASS/VERDICT/, as `--sort-into` makes it; a corrected picture lies in CLASS/corrected/.
export function toZip(items, keys, task, tell) {
  const taken = new Set(["predictions.csv"]);
  const files = [["predictions.csv", toCsv(items, keys, task)]];
  for (const item of items) {
    for (const folder of foldersOf(item)) files.push([apart(`${folder}/${tidy(item.name)}`, taken), item.read]);
  }
  return writeZip(files, tell);
}

function foldersOf({ answer, correction }) {
  if (correction) return correction.map((key) => `${tidy(key)}/corrected`);
  if (!answer) return [];
  if (answer.verdict === "unknown") return [`unknown/${answer.reason ?? "unlike"}`];
  const named = classesOf(answer);
  return (named.length ? named : ["none"]).map((key) => `${tidy(key)}/${answer.verdict}`);
}

// A relative path that every system takes.
function tidy(path) {
  const parts = path.split(/[/\\]/).filter((part) => part && part !== "." && part !== "..");
  return parts.map((part) => part.replace(/[<>:"|?*\x00-\x1f]/g, "_")).join("/") || "picture";
}

function apart(path, taken) {
  const [, stem, suffix] = path.match(/^(.*?)(\.[^./]*)?$/);
  let free = path;
  for (let number = 2; taken.has(free.toLowerCase()); number++) free = `${stem} (${number})${suffix ?? ""}`;
  taken.add(free.toLowerCase());
  return free;
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
