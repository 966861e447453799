// One question at a time: what the page shows while it is under way, and how it is called off.
import { watchForStall } from "./stall.js";

const SHOW_SECONDS = 2; // from then on the visitor sees how long it has taken

export class Question {
  #request = null;
  #clock = 0;
  #stall = null;

  // `cancelled` is called when the visitor calls the question off.
  constructor({ bench, easel, result, status, cancelled }) {
    Object.assign(this, { bench, easel, result, status, cancelled });
    this.skeleton = document.querySelector("template[data-skeleton]");
    result.addEventListener("click", (event) => {
      if (event.target.closest("[data-cancel]")) this.cancel();
    });
  }

  // The answer's part of the page, or null where a newer question or the visitor called this one off. Throws where the
  // server can't be reached.
  async ask(address, options = {}) {
    this.#request?.abort();
    const own = (this.#request = new AbortController());
    this.#begin();
    try {
      const response = await fetch(address, { ...options, headers: { "X-Fragment": "answer" }, signal: own.signal });
      const content = await response.text();
      return own === this.#request ? content : null;
    } catch (error) {
      if (own.signal.aborted) return null;
      throw error;
    } finally {
      if (own === this.#request) this.#end();
    }
  }

  cancel() {
    this.#request?.abort();
    this.#request = null;
    this.#end();
    this.cancelled();
  }

  // Without a word to anybody: another picture is shown that needs no answer of the server.
  drop() {
    this.#request?.abort();
    this.#request = null;
    this.#end();
  }

  #begin() {
    this.#end();
    const hadFocus = this.result.contains(document.activeElement);
    this.result.replaceChildren(this.skeleton.content.cloneNode(true));
    if (hadFocus) this.result.focus({ preventScroll: true });
    this.easel.classList.add("busy");
    this.result.setAttribute("aria-busy", "true");
    this.status.textContent = this.bench.dataset.busy;
    const [seconds, stalled] = ["seconds", "stalled"].map((name) => this.result.querySelector(`[data-${name}]`));
    this.#stall = watchForStall(stalled, this.status);
    this.#stall.expect();
    const began = performance.now();
    this.#clock = setInterval(() => {
      const spent = Math.floor((performance.now() - began) / 1000);
      if (spent < SHOW_SECONDS) return;
      seconds.hidden = false;
      seconds.textContent = seconds.dataset.seconds.replace("{seconds}", spent);
    }, 250);
  }

  #end() {
    clearInterval(this.#clock);
    this.#stall?.hear();
    this.easel.classList.remove("busy");
    this.result.setAttribute("aria-busy", "false");
  }
}
