// The two lists, and a line of each shown whole.

import { ask, byId, bytes, count, day, el, ms, replace, svg, time } from "./dom.js";
import { PHASES, phases, phasesInWords } from "./draw.js";
import { List } from "./list.js";

const authorised = (line) =>
  line.authenticated === null ? "not said" : line.authenticated ? "with credentials" : "without";

function detail(title, ...body) {
  byId("detail-title").textContent = title;
  replace(byId("detail-body"), ...body);
  if (!byId("detail").open) byId("detail").showModal();
}

const facts = (pairs) =>
  el("dl", {}, pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined)
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

function side(title, text, note) {
  return el("div", { class: "side" }, el("h3", {}, title),
    el("pre", { tabindex: 0, "aria-label": title }, text), note ? el("p", { class: "soft" }, note) : null);
}

async function openRequest(line) {
  let whole;
  try {
    whole = await ask("request", { number: line.number });
  } catch (error) {
    detail(`Request ${line.number}`, el("p", {}, error.message));
    return;
  }
  const shown = whole.line;
  const cut = (is) => (is ? "Only the beginning is shown; save the body for all of it." : null);
  detail(
    `Request ${shown.number}`,
    facts([
      ["came", day(shown.at)],
      ["to", `${shown.method} ${shown.host}${shown.path}`],
      ["authorization", authorised(shown)],
      ["size", `${count(shown.bytes)} bytes`],
      ["records", `${count(shown.records)}, ${count(shown.again)} of them sent before`],
      ["not readable", shown.unreadable + shown.left_out || ""],
      ["answer", shown.answer],
    ]),
    el("p", {}, el("a", { href: `body?number=${shown.number}`, download: `body-${shown.number}.json` }, "Save the exact bytes")),
    el("div", { class: "sides" },
      side("The exact bytes", whole.exact, cut(whole.exact_cut)),
      side("As it is read", whole.read || "This is no envelope of records.", cut(whole.read_cut))),
  );
}

function openStatement(line) {
  const errors = line.errors.map((error) =>
    el("div", {}, el("h3", { class: "bad" }, error.name), el("pre", { tabindex: 0 }, error.text || "no text was sent")));
  detail(
    line.operation || line.kind || "A record that names no call",
    facts([
      ["ended", day(line.at)],
      ["statement", line.id],
      ["session", line.session],
      ["driver", line.driver],
      ["kind", line.kind],
      ["result", line.result],
      ["took", ms(line.latency)],
      ["queue", line.queue === null ? "" : `${ms(line.queue)} in ${count(line.polls)} questions`],
      ["ready after", ms(line.ready)],
      ["consumed after", ms(line.consumed)],
      ["chunks", line.chunks_there === null && line.chunks_read === null ? ""
        : `${count(line.chunks_read)} read of ${count(line.chunks_there)}`],
      ["first chunk", ms(line.first_chunk)],
      ["slowest chunk", ms(line.slowest_chunk)],
      ["all downloads", ms(line.chunks)],
      ["retries", line.retries],
      ["other calls", line.calls.join(", ")],
      ["errors", line.error_count || ""],
    ]),
    errors,
    el("p", {}, el("button", { type: "button", onclick: () => openRequest({ number: line.request }) }, "Show its request")),
  );
}

export function requests() {
  const search = byId("requests-search");
  const list = new List(byId("requests-list"), {
    path: "requests",
    kind: "requests",
    label: "Requests",
    head: ["no.", "came", "host", "path", "authorization", "size", "records", "answer"],
    parameters: () => ({ q: search.value }),
    open: openRequest,
    row: (line) => [
      line.number, time(line.at), line.host, `${line.method === "POST" ? "" : `${line.method} `}${line.path}`,
      authorised(line), bytes(line.bytes), count(line.records),
    ].map((text) => el("span", {}, text))
      .concat(el("span", { class: /^[45]|no answer/.test(line.answer) || line.broken ? "bad" : "" },
        line.broken ? `${line.answer}, no envelope` : line.answer)),
  });
  search.addEventListener("input", () => list.restart());
  return list;
}

export function statements() {
  const [search, which] = [byId("statements-search"), byId("statements-which")];
  const scale = el("span", {}, "phases");
  let axis = 0;
  const list = new List(byId("statements-list"), {
    path: "statements",
    kind: "statements",
    label: "Statements",
    head: ["ended", "call", "result", scale, "took", "errors"],
    parameters: () => ({ q: search.value, which: which.value }),
    open: openStatement,
    drawn: (lines) => {
      const ends = lines.flatMap((line) => [line.latency, line.consumed, line.ready, line.queue, (line.ready ?? 0) + (line.chunks ?? 0)]);
      axis = Math.max(0, ...ends.map((end) => end ?? 0));
      scale.textContent = axis > 0 ? `phases, from 0 to ${ms(axis)}` : "phases";
    },
    row: (line) => [
      el("span", {}, time(line.at)),
      el("span", { title: line.id }, [line.operation, line.kind].filter(Boolean).join(" · ") || "(no call named)"),
      el("span", {}, line.result),
      el("span", { title: phasesInWords(line) }, phases(line, axis)),
      el("span", { class: "number" }, ms(line.latency)),
      el("span", { class: "bad" }, line.errors.map((error) => error.name).join(", ")),
    ],
  });
  search.addEventListener("input", () => list.restart());
  which.addEventListener("change", () => list.restart());
  replace(byId("legend"), ...PHASES.map(([kind, words]) =>
    el("span", {}, svg("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" },
      svg("rect", { width: 12, height: 12, class: `f-${kind}` })), words)));
  return list;
}
