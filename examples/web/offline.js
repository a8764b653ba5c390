// A service worker: keeps the page and all that it fetches, so that it works without a network. What the network has is
// taken first, so that a newer page is seen.
"use strict";
const KEPT = "segface";
const FILES = [
  ".", "page.js", "page.css", "segface.js", "segface-worker.js", "segface-one-thread.js", "segface-one-thread.wasm",
  "segface-threads.js", "segface-threads.wasm", "segface-threads.worker.js", "demo.safetensors", "finder.safetensors",
  "NOTICES.txt",
];

oninstall = (event) => {
  skipWaiting();
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(FILES)));
};
onactivate = (event) => event.waitUntil(clients.claim());
onfetch = (event) => {
  if (event.request.method !== "GET" || !event.request.url.startsWith(registration.scope)) return;
  event.respondWith((async () => {
    const kept = await caches.open(KEPT);
    try {
      const response = await fetch(event.request);
      if (response.ok) await kept.put(event.request, response.clone());
      return response;
    } catch (error) {
      const response = await kept.match(event.request);
      if (response) return response;
      throw error;
    }
  })());
};
