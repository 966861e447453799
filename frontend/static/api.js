// Tries a question of the API from its own page. Every word comes from the server's template.
import "./copy.js";

const MOST = 20_000; // letters of a reply that are shown: a heatmap in base64 helps nobody

document.querySelectorAll("[data-operation] form").forEach((form) =>
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [status, reply] = ["status", "reply"].map((name) => form.querySelector(`[data-${name}]`));
    const query = new URLSearchParams();
    let path = form.dataset.path;
    form.querySelectorAll("[data-in]").forEach((field) => {
      if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
      else if (field.value) query.append(field.name, field.value);
    });
    const field = form.elements.body;
    const body = field?.files ? field.files[0] : field?.value;
    const headers = field ? { "Content-Type": field.files ? "application/octet-stream" : "application/json" } : {};
    status.textContent = status.dataset.busy;
    reply.hidden = true;
    try {
      const response = await fetch(query.size ? `${path}?${query}` : path, { method: form.dataset.method, headers, body });
      const text = await response.text();
      status.textContent = `${response.status} ${response.statusText}`;
      reply.firstElementChild.textContent = shorten(text);
      reply.hidden = false;
    } catch {
      status.textContent = status.dataset.failed;
    }
  }),
);

function shorten(text) {
  try {
    const clipped = (key, value) => (typeof value === "string" && value.length > 400 ? `${value.slice(0, 80)}…` : value);
    return JSON.stringify(JSON.parse(text, clipped), null, 2).slice(0, MOST);
  } catch {
    return text.slice(0, MOST);
  }
}

// A link to a body's schema opens it.
function open() {
  const goal = location.hash && document.getElementById(location.hash.slice(1));
  if (goal instanceof HTMLDetailsElement) goal.open = true;
}
addEventListener("hashchange", open);
open();
