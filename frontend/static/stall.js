// A word to whoever waits for a server that says nothing.
const STALLED = 8; // seconds

// `words`: the part of the page that says so, hidden until then; `status` says it to those who listen. Returns
// `expect`, to be called when something is asked, and `hear`, when the server says anything.
export function watchForStall(words, status) {
  let timer = 0;

  function hear() {
    clearTimeout(timer);
    words.hidden = true;
  }

  function expect() {
    hear();
    timer = setTimeout(() => {
      words.hidden = false;
      status.textContent = words.textContent;
    }, STALLED * 1000);
  }

  return { expect, hear };
}
