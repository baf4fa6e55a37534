// A list of any length, of which only what can be seen is there.

import { ask, count, el } from "./dom.js";

const ROW = 28;
const BEYOND = 15;

export class List {
  // `row` makes a line's cells; `open` shows a line whole; `parameters` say which lines are wanted.
  constructor(place, { path, kind, head, label, row, open, parameters, drawn }) {
    Object.assign(this, { path, row, open, parameters, kind, drawn });
    this.total = 0;
    this.latest = 0;
    this.upto = null;
    this.active = -1;
    this.lines = new Map();
    this.all = el("div", { class: "all" });
    this.rows = el(
      "div",
      {
        class: "rows",
        tabindex: 0,
        role: "listbox",
        "aria-label": label,
        onscroll: () => this.scrolled(),
        onkeydown: (event) => this.key(event),
        onclick: (event) => this.click(event),
      },
      this.all,
    );
    this.said = el("span", { role: "status" });
    this.newer = el("button", { type: "button", hidden: true, onclick: () => this.toTop() }, "Show what is new");
    const heads = head.map((text) => (text instanceof Node ? text : el("span", {}, text)));
    place.append(
      el("div", { class: "list" }, el("div", { class: `head ${kind}`, "aria-hidden": "true" }, heads), this.rows),
      el("div", { class: "status" }, this.said, this.newer),
    );
    place.classList.add("list-wrap");
  }

  // Begins anew, as what is wanted has changed.
  restart() {
    this.upto = null;
    this.active = -1;
    this.rows.scrollTop = 0;
    return this.refresh();
  }

  toTop() {
    this.restart();
    this.rows.focus();
  }

  scrolled() {
    // Whoever reads further down isn't to have the lines move away under them.
    if (this.rows.scrollTop < ROW && this.active < 0) this.upto = null;
    else this.upto ??= this.latest;
    if (!this.covers()) this.refresh();
  }

  window() {
    const first = Math.floor(this.rows.scrollTop / ROW);
    const seen = Math.ceil(this.rows.clientHeight / ROW);
    const from = Math.max(0, first - BEYOND);
    return { from, count: Math.min(200, first - from + seen + BEYOND), first, seen };
  }

  covers() {
    const { first, seen } = this.window();
    const last = Math.min(first + seen, this.total - 1);
    return this.lines.has(first) && this.lines.has(last);
  }

  // One question at a time; what changes meanwhile is asked for afterwards.
  async refresh() {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    let rounds = 0;
    try {
      do {
        rounds += 1;
        this.again = false;
        const { from, count: wanted } = this.window();
        const parameters = { ...this.parameters(), from, count: wanted };
        if (this.upto !== null) parameters.upto = this.upto;
        this.take(await ask(this.path, parameters), from);
      } while (this.again || (rounds < 4 && this.rows.clientHeight > 0 && !this.covers() && !this.emptied()));
    } finally {
      this.asking = false;
    }
  }

  // What was there may have gone meanwhile.
  emptied() {
    const { first } = this.window();
    return first >= this.total;
  }

  take(page, from) {
    this.total = page.total;
    if (this.upto === null) this.latest = page.latest;
    this.lines = new Map(page.lines.map((line, place) => [from + place, line]));
    this.all.style.height = `${this.total * ROW}px`;
    this.said.textContent = `${count(this.total)} lines, the latest first`;
    this.newer.hidden = this.upto === null;
    this.draw();
  }

  draw() {
    const lines = [...this.lines];
    this.drawn?.(lines.map(([, line]) => line));
    const nodes = lines.map(([place, line]) => {
      const row = el("div", {
        class: place === this.active ? `row ${this.kind} active` : `row ${this.kind}`,
        id: `${this.kind}-${place}`,
        role: "option",
        "aria-setsize": this.total,
        "aria-posinset": place + 1,
        "aria-selected": place === this.active,
        "data-place": place,
      }, this.row(line));
      row.style.top = `${place * ROW}px`;
      return row;
    });
    this.all.replaceChildren(...nodes);
    const active = this.lines.has(this.active) ? `${this.kind}-${this.active}` : "";
    this.rows.setAttribute("aria-activedescendant", active);
  }

  async key(event) {
    const page = Math.max(1, Math.floor(this.rows.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key === "Enter" && this.lines.has(this.active)) {
      event.preventDefault();
      this.open(this.lines.get(this.active));
    } else if (event.key in steps) {
      event.preventDefault();
      await this.choose(Math.min(Math.max(this.active + steps[event.key], 0), this.total - 1));
    } else if (event.key === "Escape") {
      this.active = -1;
      this.scrolled();
      await this.refresh();
    }
  }

  async choose(place) {
    if (place < 0) return;
    this.active = place;
    this.upto ??= this.latest;
    const top = place * ROW;
    const bottom = top + ROW - this.rows.clientHeight;
    if (this.rows.scrollTop > top) this.rows.scrollTop = top;
    else if (this.rows.scrollTop < bottom) this.rows.scrollTop = bottom;
    if (this.covers()) this.draw();
    await this.refresh();
  }

  async click(event) {
    const row = event.target.closest("[data-place]");
    if (!row) return;
    await this.choose(Number(row.dataset.place));
    if (this.lines.has(this.active)) this.open(this.lines.get(this.active));
  }
}
