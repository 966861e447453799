// Pictures go out a few dozen at a time, and each answer comes back as it is there.

const PICTURES = 48, BYTES = 24 * 2 ** 20; // of one request: the first answer is to come soon
const LANES = 2; // the next request uploads while one is answered
const TRIES = 40;
// The server or the model is away, full or busy: that is no picture's fault.
const PASSING = ["model_down", "model_starting", "model_busy", "too_many_batches", "too_many_requests", "no_room", "offline"];

export class Questions {
  // limits: { address, bytes, pictures, pictureBytes }; on: { answer(item, content), trouble(code or "") }
  constructor(limits, on) {
    this.limits = limits;
    this.on = on;
    this.waiting = [];
    this.abort = null;
  }

  get running() {
    return this.abort !== null;
  }

  // Ask about these, too. What was not answered when the work ends is in `waiting` again.
  async ask(items) {
    this.waiting.push(...items);
    if (this.abort) return;
    this.abort = new AbortController();
    const { signal } = this.abort;
    await Promise.all(Array.from({ length: LANES }, () => this.work(signal)));
    if (this.abort?.signal === signal) this.abort = null;
  }

  cancel() {
    this.abort?.abort();
    this.abort = null;
  }

  async work(signal) {
    while (this.waiting.length && !signal.aborted) {
      let chunk = await this.gather(signal);
      for (let tries = 0; chunk.length && !signal.aborted; tries++) {
        const { code, wait } = await this.send(chunk, signal).catch(() => ({ code: "offline", wait: 1 }));
        chunk = chunk.filter(({ item }) => !item.done);
        if (signal.aborted || !chunk.length) break;
        if (code === "offline") chunk = await this.keepReadable(chunk);
        if (!PASSING.includes(code)) {
          for (const { item } of chunk) this.on.answer(item, { error: { code } });
          chunk = [];
        } else if (tries >= TRIES || (code === "offline" && tries >= 3)) {
          this.on.trouble(code);
          this.waiting.unshift(...chunk.map(({ item }) => item));
          return this.cancel();
        } else {
          this.on.trouble(code);
          await pause(Math.min(wait ?? 2, 30), signal);
        }
      }
      if (signal.aborted) this.waiting.unshift(...chunk.map(({ item }) => item).filter((item) => !item.done));
    }
  }

  // As many as go into a request, with their bytes; what can't be sent has its error.
  async gather(signal) {
    const { limits } = this;
    const [most, mostBytes] = [Math.min(PICTURES, limits.pictures), Math.min(BYTES, limits.bytes * 0.9)];
    const chunk = [];
    let bytes = 0;
    while (this.waiting.length && chunk.length < most && !signal.aborted) {
      const item = this.waiting[0];
      if (chunk.length && bytes + item.size > mostBytes) break;
      this.waiting.shift();
      let blob, code = "";
      try {
        blob = await item.read();
        code = !blob.size ? "empty_body" : blob.size > limits.pictureBytes ? "picture_too_large" : "";
      } catch (error) {
        code = error.code ?? "unreadable";
      }
      if (code) {
        this.on.answer(item, { error: { code } });
        continue;
      }
      bytes += blob.size;
      chunk.push({ item, blob });
    }
    return chunk;
  }

  // Returns why not all were answered: a code, and the seconds after which to ask again.
  async send(chunk, signal) {
    const body = new FormData();
    // A name with a line's end, or one that ends in .zip, is no name of a part.
    chunk.forEach(({ blob }, index) => body.append("data", blob, `${index}`));
    const response = await fetch(this.limits.address, { method: "POST", body, signal });
    if (!response.ok) {
      const content = await response.json().catch(() => ({}));
      return { code: content.error?.code ?? "offline", wait: Number(response.headers.get("Retry-After")) || undefined };
    }
    for await (const [kind, data] of readEvents(response.body)) {
      if (kind === "picture") {
        this.on.answer(chunk[data.index].item, data);
        this.on.trouble("");
      } else if (kind === "waiting") this.on.trouble(data.error.code);
      else if (kind === "summary") return { code: data.error?.code ?? "" };
    }
    return { code: "offline", wait: 1 };
  }

  // A file that was moved since makes its whole request fail.
  async keepReadable(chunk) {
    const kept = [];
    for (const each of chunk) {
      const readable = await each.blob.slice(0, 1).arrayBuffer().then(() => true, () => false);
      if (readable) kept.push(each);
      else this.on.answer(each.item, { error: { code: "unreadable" } });
    }
    return kept;
  }
}

async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const blocks = (text + piece.value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const [, kind, data] = block.match(/^event: (\w+)\ndata: (.*)$/) ?? [];
      if (kind) yield [kind, JSON.parse(data)];
    }
  }
}

function pause(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
