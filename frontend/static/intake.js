// How a picture comes onto the page: chosen, dropped anywhere, or pasted.

export function receive(bench, easel, take) {
  bench.querySelectorAll("[data-file]").forEach((input) =>
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      input.value = ""; // choosing the same file again must count as a choice
    }),
  );

  document.addEventListener("paste", (event) => {
    const pasted = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
    if (pasted) take(pasted);
  });

  receiveDrops(easel, take);
}

// Dropping is possible anywhere on the page: what misses its place must not replace the page.
export function receiveDrops(easel, take) {
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    easel.classList.add("inviting");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) easel.classList.remove("inviting");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    easel.classList.remove("inviting");
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}
