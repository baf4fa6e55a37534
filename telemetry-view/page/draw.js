// Charts: small, and each says in words what it shows.

import { count, el, ms, svg, time } from "./dom.js";

const none = () => el("p", { class: "none" }, "nothing yet");

// Bars over time: all of it, and the part with errors in front.
export function overTime(series, end, step) {
  const most = Math.max(1, ...series.map((here) => here.records));
  const width = 400;
  const height = 120;
  const one = width / series.length;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height + 16}`, role: "img" });
  const records = series.reduce((sum, here) => sum + here.records, 0);
  const begin = (end - series.length * step) * 1000;
  chart.setAttribute(
    "aria-label",
    `${count(records)} records between ${time(begin)} and ${time(end * 1000)}, at most ${count(most)} in a step`,
  );
  const bar = (place, value, kind) => {
    const tall = (value / most) * height;
    if (value > 0) {
      chart.append(svg("rect", { x: place * one + 0.5, y: height - tall, width: one - 1, height: tall, class: kind }));
    }
  };
  series.forEach((here, place) => {
    bar(place, here.records, "f-ready");
    bar(place, here.errors, "f-bad");
  });
  chart.append(
    svg("line", { x1: 0, x2: width, y1: height, y2: height, class: "axis" }),
    svg("text", { x: 0, y: height + 13 }, time(begin)),
    svg("text", { x: width, y: height + 13, "text-anchor": "end" }, time(end * 1000)),
    svg("text", { x: 2, y: 11 }, `${count(most)} in ${step} s`),
  );
  return chart;
}

// How many were how long.
export function distribution(counts, bounds, longest) {
  const last = counts.findLastIndex((here) => here > 0);
  if (last < 0) return none();
  const first = counts.findIndex((here) => here > 0);
  const shown = counts.slice(first, last + 1);
  const most = Math.max(...shown);
  const width = 400;
  const height = 120;
  const one = width / Math.max(6, shown.length);
  const short = (bound) => (bound < 1000 ? `${bound} ms` : `${bound / 1000} s`);
  const every = Math.ceil(shown.length / 8);
  const label = (place) => (place < bounds.length ? `≤ ${ms(bounds[place])}` : `≤ ${ms(longest)}`);
  const words = shown.map((here, place) => `${count(here)} ${label(first + place)}`).join(", ");
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height + 16}`, role: "img", "aria-label": words });
  shown.forEach((here, place) => {
    const tall = (here / most) * (height - 14);
    const middle = place * one + one / 2;
    chart.append(
      svg("rect", { x: place * one + 1, y: height - tall, width: one - 2, height: tall, class: "f-ready" }),
      svg("text", { x: middle, y: height - tall - 3, "text-anchor": "middle" }, count(here)),
    );
    if (place % every === 0) {
      const bound = short(bounds[first + place] ?? longest);
      chart.append(svg("text", { x: middle, y: height + 13, "text-anchor": "middle" }, bound));
    }
  });
  return chart;
}

// Names and how often each came.
export function names(pairs, kind) {
  if (pairs.length === 0) return none();
  const most = Math.max(...pairs.map(([, number]) => number));
  const rows = pairs.slice(0, 12).map(([name, number]) => {
    const bar = svg("svg", { viewBox: "0 0 90 10", height: 10, "aria-hidden": "true" });
    bar.append(svg("rect", { x: 0, y: 0, width: Math.max(1, (number / most) * 90), height: 10, class: kind }));
    return el("li", {}, el("span", { title: name }, name), bar, el("span", { class: "number" }, count(number)));
  });
  const more = pairs.length > 12 ? [el("li", { class: "soft" }, `and ${count(pairs.length - 12)} more`)] : [];
  return el("ul", { class: "counts" }, rows, more);
}

export const PHASES = [
  ["queue", "queue: asking whether it is done"],
  ["ready", "ready: until the first row"],
  ["consumed", "consumed: until the last row"],
  ["chunks", "chunks: all downloads, added up"],
  ["plain", "no phases said"],
];

// A statement's phases, on an axis that all of them share.
export function phases(line, axis) {
  const width = 1000;
  const bar = svg("svg", { viewBox: `0 0 ${width} 18`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const part = (from, to, kind, y, height) => {
    const [begin, end] = [from, to].map((at) => (Math.min(Math.max(at, 0), axis) / axis) * width);
    if (end > begin) bar.append(svg("rect", { x: begin, y, width: Math.max(end - begin, 2), height, class: `f-${kind}` }));
  };
  const { queue, ready, consumed, chunks, latency } = line;
  if (axis > 0) {
    if ([queue, ready, consumed].every((phase) => phase === null)) part(0, latency ?? 0, "plain", 3, 8);
    const before = Math.min(queue ?? 0, ready ?? queue ?? 0);
    part(0, before, "queue", 3, 8);
    part(before, ready ?? before, "ready", 3, 8);
    part(ready ?? before, consumed ?? 0, "consumed", 3, 8);
    part(ready ?? 0, (ready ?? 0) + (chunks ?? 0), "chunks", 13, 3);
  }
  return bar;
}

// The same in words.
export function phasesInWords(line) {
  const parts = ["queue", "ready", "consumed", "chunks"].filter((phase) => line[phase] !== null);
  return parts.map((phase) => `${phase} ${ms(line[phase])}`).join(", ");
}
