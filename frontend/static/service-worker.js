// Pages and their parts come from the network while there is one; what was last seen of the drawing page and of the
// static files serves without it, and for any other page the one that says so.
const KEPT = "hwapung-1";
const OFFLINE = "/offline";

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.add(OFFLINE)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const others = caches.keys().then((names) => names.filter((name) => name !== KEPT));
  event.waitUntil(others.then((names) => Promise.all(names.map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

self.addEventListener("message", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll([OFFLINE, ...event.data])));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => findKept(request, OFFLINE)));
  else if (address.pathname.startsWith("/static/")) event.respondWith(fetch(request).catch(() => findKept(request)));
});

async function findKept(request, otherwise) {
  const cache = await caches.open(KEPT);
  const anyLanguage = { ignoreSearch: true, ignoreVary: true };
  const found = await cache.match(request, anyLanguage);
  return found ?? (otherwise && (await cache.match(otherwise, anyLanguage))) ?? Response.error();
}
