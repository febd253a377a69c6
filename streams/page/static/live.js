/* Keeps what a page shows up to date. One tab of a browser listens for all: six connections to a host are all
   that HTTP/1.1 allows. Without streams or locks the page asks instead. */
"use strict";
(() => {
  const regions = () => [...document.querySelectorAll("[data-live]")];
  if (!regions().length) return;
  const kind = document.body.dataset.kind;
  const BY_ITSELF = { "chillcast-renews": "yes" };  // the server does not take this for somebody who is there
  const POLL_MS = 10000, DEAF_MS = 30000, SOON_MS = kind === "cases" ? 100 : 2500;
  const line = "BroadcastChannel" in window ? new BroadcastChannel("chillcast-live") : null;
  let seen = document.body.dataset.stamp, heardAt = 0, timer = 0, waits = false;
  let paused = localStorage.getItem("paused") === "yes";

  const status = document.getElementById("live-status");
  const pause = document.createElement("button");
  pause.type = "button";
  pause.className = "quiet";
  document.getElementById("live-tools").append(pause);
  const show = () => { pause.textContent = paused ? "Resume updates" : "Pause updates"; };
  pause.addEventListener("click", () => {
    paused = !paused;
    localStorage.setItem("paused", paused ? "yes" : "no");
    show();
    if (!paused) ask();
  });
  show();

  const late = document.createElement("p");
  const again = document.createElement("button");
  late.className = "note";
  late.hidden = true;
  again.type = "button";
  again.textContent = "Show it as it is now";
  again.addEventListener("click", () => location.reload());
  late.append("Something has changed that you are working on. ", again);
  document.getElementById("main").prepend(late);

  function hear(stamps) {
    if (stamps[kind] === seen || paused || timer) return;
    timer = setTimeout(() => { timer = 0; renew(stamps[kind]); }, SOON_MS + Math.random() * SOON_MS);
  }

  const inUse = (region) => region.querySelector("details[open], input:checked") ||
    (region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));
  const plain = (element) => element.innerHTML.replace(/name="(once|token)" value="[^"]*"/g, "");

  async function renew(stamp) {
    let text;
    try {
      const answer = await fetch(location.href, { cache: "no-cache", headers: BY_ITSELF });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) return;
      text = await answer.text();
    } catch { return; }
    seen = stamp;
    waits = false;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const old of regions()) {
      const next = fresh.getElementById(old.id);
      if (!next || plain(next) === plain(old)) continue;
      if (inUse(old)) { waits = true; continue; }
      const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
      const heading = old.matches("h1") ? next.innerText : "";
      old.replaceWith(document.adoptNode(next));
      if (focused) document.getElementById(focused)?.focus();
      if (heading) status.textContent = heading.replace(/\s+/g, " ").trim();
    }
    late.hidden = !waits;
  }

  async function ask() {
    try {
      const answer = await fetch("/live/now", { cache: "no-store", headers: BY_ITSELF });
      if (answer.ok && !answer.redirected) hear(await answer.json());
    } catch { /* the next time */ }
  }
  setInterval(() => { if (!document.hidden && Date.now() - heardAt > DEAF_MS) ask(); }, POLL_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });

  if (!line || !navigator.locks || !window.EventSource) { ask(); return; }
  line.addEventListener("message", (event) => { heardAt = Date.now(); hear(event.data); });
  navigator.locks.request("chillcast-live", () => new Promise((release) => {
    const source = new EventSource("/live");
    document.body.dataset.listens = "yes";
    addEventListener("pagehide", () => { source.close(); release(); });
    source.addEventListener("message", (event) => {
      const stamps = JSON.parse(event.data);
      line.postMessage(stamps);
      heardAt = Date.now();
      hear(stamps);
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      heardAt = 0;
      setTimeout(release, DEAF_MS);
    });
  }));
})();
