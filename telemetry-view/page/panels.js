// The views that are no lists.

import { ask, byId, bytes, count, el, ms, post, replace } from "./dom.js";
import { distribution, names, overTime } from "./draw.js";

const tile = (number, words, bad) =>
  el("div", { class: bad ? "tile bad" : "tile" }, el("b", {}, number), el("span", {}, words));

export async function now() {
  const view = await ask("now");
  const { counts, minute } = view;
  const odd = [
    [counts.again, "records sent again"],
    [counts.unreadable + counts.left_out, "records not read"],
    [counts.broken, "bodies that are no envelope"],
    [counts.strange_lines, "strange lines in the file"],
    [counts.missed, "requests or files missed"],
    [counts.not_kept, "requests not kept"],
  ].filter(([number]) => number > 0).map(([number, words]) => tile(count(number), words, true));
  replace(byId("tiles"),
    tile(count(minute.statements), "statements in the last minute"),
    tile((minute.records / 60).toFixed(1), "records a second, over a minute"),
    tile(count(counts.records), "records in all"),
    tile(count(counts.requests), "requests"),
    tile(count(counts.flag_requests), "questions for flags"),
    tile(bytes(counts.bytes), "of bodies"),
    tile(count(counts.errors), "records with an error", counts.errors > 0),
    tile(count(counts.forgotten), "requests held no longer"),
    ...odd);
  const others = view.other_hosts.map(([name, number]) => `${name} ×${count(number)}`);
  byId("refused").textContent = others.length === 0 ? ""
    : `Answered 421, as it is for a host that isn't this machine: ${others.slice(0, 5).join(", ")}` +
      `${others.length > 5 ? ", …" : ""}. Where a driver knows this machine by another name, --allow-host NAME allows that.`;
  byId("c-rate").textContent = `Records, in steps of ${view.step} seconds; those with an error in red`;
  replace(byId("rate"), overTime(view.series, view.end, view.step));
  const shares = ([half, most, nearly]) =>
    half === null ? [] : [el("p", { class: "soft" }, `half within ${ms(half)}, 95 % within ${ms(most)}, 99 % within ${ms(nearly)}`)];
  replace(byId("latency"), distribution(counts.latency.counts, view.bounds, counts.latency.longest), ...shares(view.latency));
  replace(byId("chunks"),
    distribution(counts.chunk_latency.counts, view.bounds, counts.chunk_latency.longest), ...shares(view.chunk),
    el("p", { class: "soft" }, `${count(counts.chunks_there)} chunks were there, ${count(counts.chunks_read)} were read`));
  replace(byId("errors"), names(view.errors, "f-bad"));
  replace(byId("drivers"), names(view.drivers, "f-ready"));
  replace(byId("paths"), names(view.paths, "f-ready"), names(view.answers, "f-plain"));
}

const opened = new Set();

function values(row) {
  if (row.count === 0) return "";
  const item = ([value, number]) => el("li", {}, el("code", {}, value), ` ×${count(number)}`);
  const first = el("ul", { class: "values" }, row.values.slice(0, 2).map(item));
  const rest = row.values.slice(2);
  const others = row.others > 0 ? el("p", { class: "soft" }, `and other values, ${count(row.others)} times`) : null;
  if (rest.length === 0) return el("div", {}, first, others);
  const more = el("details", { ontoggle: (event) => (event.target.open ? opened.add(row.path) : opened.delete(row.path)) },
    el("summary", {}, `${count(rest.length)} more`), el("ul", { class: "values" }, rest.map(item)), others);
  more.open = opened.has(row.path);
  return el("div", {}, first, more);
}

export async function fields() {
  const view = await ask("fields");
  const wanted = byId("fields-search").value.toLowerCase();
  const onlySeen = byId("fields-seen").checked;
  const shown = view.fields.filter((row) =>
    (!onlySeen || row.count > 0) && `${row.path} ${row.meaning} ${row.privacy}`.toLowerCase().includes(wanted));
  const rows = shown.map((row) =>
    el("tr", {},
      el("th", { scope: "row" }, el("code", {}, row.path)),
      el("td", { class: "number" }, count(row.count)),
      el("td", {}, row.privacy === "neither" ? "neither" : el("span", { class: row.privacy === "pseudonymous" ? "tag" : "tag bad" }, row.privacy)),
      el("td", {}, row.meaning,
        row.when ? el("p", { class: "soft" }, `Sent in ${row.when}. Cleaned: ${row.cleaned}. ${row.rule}`) : null),
      el("td", {}, values(row))));
  if (view.beyond > 0) {
    rows.push(el("tr", {}, el("td", { colspan: 5 }, `and ${count(view.beyond)} fields of names that nobody knows`)));
  }
  replace(byId("fields"), ...rows);
}

export async function books() {
  const view = await ask("books");
  const said = view.books.map(({ books: of, balance }) =>
    el("div", {},
      el("h3", {}, of.driver || "A driver"),
      el("table", {}, el("tbody", {},
        [["made", of.made], ["accepted", of.accepted], ["written to a file", of.written],
          ...Object.entries(of.dropped).map(([reason, number]) => [`dropped: ${reason}`, number]), ["held", of.held]]
          .map(([name, number]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "number" }, count(number)))))),
      el("p", { class: balance ? "" : "bad" }, balance ? "The books balance." : "The books don't balance.")));
  const { counts } = view;
  replace(byId("books"),
    ...(said.length > 0 ? said : [el("p", {}, "The driver offers no books. The README says how one does.")]),
    el("h3", {}, "What came here"),
    el("table", {}, el("tbody", {},
      [["records, each once", counts.records], ["records sent again", counts.again],
        ["records not read", counts.unreadable + counts.left_out], ["requests", counts.requests],
        ...view.answers.map(([answer, number]) => [`requests answered: ${answer}`, number]),
        ["requests missed", counts.missed]]
        .map(([name, number]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "number" }, count(number)))))));
}

const TELEMETRY = [
  ["works", "works: 200, all accepted"], ["unavailable", "503"], ["too-many", "429 with Retry-After"],
  ["hangs", "hangs: no answer, for 5 minutes"], ["partial", "accepts only the first records"], ["resets", "resets the connection"],
];
const FLAGS = [["works", "works"], ["unavailable", "503"], ["hangs", "hangs: no answer, for 5 minutes"]];

let made = false;

async function change(value) {
  try {
    const { switches } = await post("try", value);
    byId("try-said").textContent = "Switched.";
    draw(switches);
  } catch (error) {
    byId("try-said").textContent = `Not switched: ${error.message}`;
  }
}

function choice(name, legend, options, chosen, ...more) {
  return el("fieldset", {}, el("legend", {}, legend),
    options.map(([value, words]) =>
      el("label", {}, el("input", {
        type: "radio", name, value, checked: value === chosen, onchange: () => change({ [name]: value }),
      }), ` ${words}`)), ...more);
}

function number(name, words, value) {
  const input = el("input", {
    type: "number", min: 0, max: 86400, value, id: `try-${name}`,
    onchange: (event) => change({ [name]: Number(event.target.value) }),
  });
  return el("label", {}, `${words} `, input);
}

function draw(switches) {
  const focused = document.activeElement;
  const kept = focused && byId("try").contains(focused) ? [focused.name, focused.value, focused.id] : null;
  const flag = el("input", { type: "text", id: "try-flag", maxlength: 200, autocomplete: "off" });
  const add = el("form", { class: "bar" }, el("label", {}, "Another flag ", flag), el("button", {}, "Add"));
  add.addEventListener("submit", (event) => {
    event.preventDefault();
    if (flag.value) change({ flags: { [flag.value]: true } });
  });
  replace(byId("try"),
    choice("telemetry", "Telemetry", TELEMETRY, switches.telemetry,
      number("retry_after", "Retry-After, in seconds", switches.retry_after),
      number("accepted", "Records of each request that are accepted", switches.accepted)),
    choice("flag_answer", "Questions for flags", FLAGS, switches.flag_answer,
      number("flag_ttl", "Seconds for which an answer holds; drivers may have bounds of their own", switches.flag_ttl)),
    el("fieldset", {}, el("legend", {}, "Flags: off is the kill switch"),
      Object.entries(switches.flags).map(([name, on]) =>
        el("label", {}, el("input", {
          type: "checkbox", checked: on, value: name, name: "flag", onchange: (event) => change({ flags: { [name]: event.target.checked } }),
        }), ` ${name}`)), add));
  if (kept) {
    const again = [...byId("try").querySelectorAll("input")]
      .find((input) => (kept[2] ? input.id === kept[2] : input.name === kept[0] && input.value === kept[1]));
    again?.focus();
  }
}

export async function tries() {
  // Drawn once, and after each switch: not under the hands of whoever types.
  if (made) return;
  const { switches } = await ask("try");
  made = true;
  if (switches) draw(switches);
  else replace(byId("try"), el("p", {}, "There is nothing to switch in a file. Start it with --listen, and point a driver at it."));
}
