// One view at a time, kept up to date while it is looked at.

import { ask, byId, bytes, count } from "./dom.js";
import { requests, statements } from "./lists.js";
import { books, fields, now, tries } from "./panels.js";

const lists = { requests: requests(), statements: statements() };
const views = {
  now,
  requests: () => lists.requests.refresh(),
  statements: () => lists.statements.refresh(),
  fields,
  books,
  try: tries,
};

let shown = "now";
let drawing = false;
let stale = false;

async function draw() {
  if (drawing) {
    stale = true;
    return;
  }
  drawing = true;
  try {
    do {
      stale = false;
      await views[shown]();
    } while (stale);
    byId("link").textContent = "";
  } catch (error) {
    byId("link").textContent = `No answer from telemetry-view (${error.message})`;
  } finally {
    drawing = false;
  }
}

function choose() {
  const wanted = location.hash.slice(1);
  if (!(wanted in views)) {
    if (wanted !== "" && wanted !== "main") location.hash = "now";
    if (wanted === "main") return;
  }
  shown = wanted in views ? wanted : "now";
  for (const name of Object.keys(views)) byId(`view-${name}`).hidden = name !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${shown} · telemetry-view`;
  draw();
}

function take(state) {
  const from = [state.file && `file ${state.file}`, state.listens && `listening at ${state.listens}`];
  byId("source").textContent = from.filter(Boolean).join(", ");
  byId("totals").textContent =
    `${count(state.records)} records in ${count(state.requests)} requests, ` +
    `${bytes(state.bytes)} of ${bytes(state.limit)} held`;
}

let last = "";

function changed(text) {
  take(JSON.parse(text));
  if (text !== last) draw();
  last = text;
}

function listen() {
  const events = new EventSource("events");
  events.onmessage = (event) => changed(event.data);
  events.onerror = () => {
    // Too many pages are open, or it has ended: asked every second, until there is a stream again.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
    ask("state").then((state) => {
      byId("link").textContent = "";
      changed(JSON.stringify(state));
    }, () => {
      byId("link").textContent = "telemetry-view has ended: what is shown is what it knew last.";
    });
  };
}

// A chart of the last minutes moves on while nothing comes.
setInterval(() => shown === "now" && draw(), 5000);
for (const id of ["fields-search", "fields-seen"]) byId(id).addEventListener("input", draw);
for (const form of document.querySelectorAll("main form")) form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", choose);
window.addEventListener("resize", draw);
choose();
listen();
