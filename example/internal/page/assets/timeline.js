// The time line, in SVG. Everything stands where its time is; one group
// moves, and so all of it does. "Now" is a line that stays.

import { TAB } from "./api.js";

const SVG = "http://www.w3.org/2000/svg";
const LANES = ["JWT", "This tab", "Other tabs", "Refreshes", "Calls to Crossmint"];
const LANE_PX = 42;
const LINE_PX = 27; // where in its lane a thing stands, under the lane's name
const AXIS_PX = 20;
const WIDE_PX = 640;
const PAST = 2 / 3; // of the width; the rest is the future, where a JWT's end is
const LONG_MS = 150; // from here on a duration is drawn
const FOREVER_MS = 3600_000;
const KEPT_MS = 120_000;
const JUST_MS = 2000;
const base = Date.now(); // keeps coordinates small

const laneY = (i) => i * LANE_PX;
const lineY = (i) => laneY(i) + LINE_PX;

function make(name, attributes = {}, text) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return e;
}

export class Timeline {
  #host;
  #lanes;
  #height;
  #svg = make("svg", { role: "img", "aria-label": "Time line of requests, refreshes and calls to Crossmint" });
  #moving = { lives: make("g"), bands: make("g"), things: make("g") };
  #records = new Map(); // by ID
  #lives = []; // {from, to}: when a JWT held, or will
  #pxPerMs = 0;
  #now = 0; // where the line stands, in px

  // Calls are known only where Crossmint is a fake.
  constructor(host, withCalls) {
    this.#host = host;
    this.#lanes = withCalls ? LANES : LANES.slice(0, -1);
    this.#height = this.#lanes.length * LANE_PX + AXIS_PX;
    this.#svg.setAttribute("height", this.#height);
    host.append(this.#svg);
    new ResizeObserver(() => this.#layOut()).observe(host);
    this.#layOut();
    this.#run();
  }

  // addLife shows a JWT in place of the one before it. Its own times are whole
  // seconds; one that was issued just now begins now.
  addLife({ issuedAt, expiresAt }) {
    const now = Date.now();
    const from = now - issuedAt < JUST_MS ? now : issuedAt;
    this.endLife(from);
    this.#lives.push({ from, to: expiresAt });
    this.#redraw();
  }

  // endLife shows that the last JWT held until then.
  endLife(then) {
    const last = this.#lives.at(-1);
    if (last) last.to = Math.max(last.from, Math.min(last.to, then));
    this.#redraw();
  }

  add({ records }) {
    if (records.length === 0) return;
    for (const record of records) this.#records.set(record.id, record);
    this.#redraw();
  }

  // #run moves the line, smoothly where that is welcome.
  #run() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const step = () => {
      this.#move();
      if (calm.matches) setTimeout(step, 1000);
      else requestAnimationFrame(step);
    };
    step();
  }

  #move() {
    const shift = `translate(${this.#now - (Date.now() - base) * this.#pxPerMs})`;
    for (const group of Object.values(this.#moving)) group.setAttribute("transform", shift);
  }

  // #layOut draws what stands still, for the width that there is.
  #layOut() {
    const width = Math.max(this.#host.clientWidth, 200);
    const seconds = width < WIDE_PX ? 30 : 60;
    this.#pxPerMs = width / (seconds * 1000);
    this.#now = width * PAST;
    this.#svg.setAttribute("width", width);
    this.#svg.replaceChildren(...this.#still(width, seconds));
    this.#redraw();
  }

  #still(width, seconds) {
    const past = make("clipPath", { id: "past" });
    past.append(make("rect", { x: 0, y: 0, width: this.#now + 6, height: this.#height }));
    const clipped = make("g", { "clip-path": "url(#past)" });
    clipped.append(this.#moving.bands, ...this.#rules(width), this.#moving.things);
    return [past, clipped, this.#moving.lives, ...this.#names(), ...this.#axis(width, seconds)];
  }

  #rules(width) {
    return this.#lanes.map((_, i) => make("line", { class: "rule", x1: 0, x2: width, y1: laneY(i + 1), y2: laneY(i + 1) }));
  }

  #names() {
    return this.#lanes.map((name, i) => make("text", { class: "lane", x: 0, y: laneY(i) + 13 }, name));
  }

  #axis(width, seconds) {
    const y = this.#height - 5;
    const nodes = [make("line", { class: "now", x1: this.#now, x2: this.#now, y1: 0, y2: this.#height - AXIS_PX })];
    for (let s = -30; s <= 10; s += 10) {
      const x = this.#now + s * 1000 * this.#pxPerMs;
      if (x < 12 || x > width - 12) continue;
      nodes.push(make("text", { class: "axis", x, y }, s === 0 ? "now" : `${s > 0 ? "+" : "−"}${Math.abs(s)} s`));
    }
    return nodes;
  }

  // #redraw puts all things where they belong. They are few.
  #redraw() {
    this.#forget(Date.now() - KEPT_MS);
    const records = [...this.#records.values()];
    const upstream = records.filter((r) => r.kind === "upstream");
    this.#moving.lives.replaceChildren(...this.#lives.map((life) => this.#life(life)));
    this.#moving.bands.replaceChildren(...upstream.flatMap((r, i) => this.#band(r, upstream[i + 1])));
    this.#moving.things.replaceChildren(
      ...records.filter((r) => r.kind === "call").map((r) => this.#call(r)),
      ...records.filter((r) => r.kind === "request").map((r) => this.#request(r)),
      ...records.filter((r) => r.kind === "outcome").map((r) => this.#outcome(r)),
    );
    this.#move();
  }

  // #forget drops what is long past, but not the mode that still holds.
  #forget(before) {
    const modes = [...this.#records.values()].filter((r) => r.kind === "upstream");
    for (const [id, r] of this.#records) if (r.at < before && r !== modes.at(-1)) this.#records.delete(id);
    this.#lives = this.#lives.filter((life) => life.to > before);
  }

  #x(ms) {
    return (ms - base) * this.#pxPerMs;
  }

  #width(ms, least = 0) {
    return Math.max(ms * this.#pxPerMs, least);
  }

  #life({ from, to }) {
    const rect = { class: "life", x: this.#x(from), y: lineY(0) - 8, width: this.#width(to - from), height: 16, rx: 4 };
    return make("rect", rect);
  }

  #band(record, next) {
    if (record.name === "up") return [];
    const took = next ? next.at - record.at : FOREVER_MS;
    const rect = { class: `band ${record.name}`, x: this.#x(record.at), y: 0, width: this.#width(took), height: this.#height - AXIS_PX };
    return [make("rect", rect)];
  }

  #request(r) {
    const lane = r.tab === TAB ? 1 : 2;
    const y = lineY(lane) + ((r.id % 5) - 2) * 2; // those of one moment stay apart
    const group = this.#thing(r, `request ${verdict(r.status)}`, `${r.name}: ${r.status || "…"}`);
    const long = r.took < 0 ? FOREVER_MS : r.took;
    if (long > LONG_MS) group.append(make("line", { x1: this.#x(r.at), x2: this.#x(r.at + long), y1: y, y2: y }));
    group.append(make("circle", { cx: this.#x(r.at), cy: y, r: 5 }));
    return group;
  }

  #call(r) {
    const failed = r.took >= 0 && !(r.status < 400);
    const group = this.#thing(r, `call ${failed ? "later" : "ok"}`, `${r.name}: ${r.status || (failed ? "no answer" : "…")}`);
    const width = this.#width(r.took < 0 ? FOREVER_MS : r.took, 5);
    group.append(make("rect", { x: this.#x(r.at), y: lineY(4) - 7, width, height: 14, rx: 2 }));
    return group;
  }

  #outcome(r) {
    const x = this.#x(r.at);
    const y = lineY(3);
    const renewed = r.name === "refreshed";
    const group = this.#thing(r, renewed ? "outcome refreshed" : "outcome", r.name.replaceAll("_", " "));
    const diamond = `M${x} ${y - 8}l8 8-8 8-8-8z`;
    const cross = `M${x - 5} ${y - 5}l10 10m0-10l-10 10`;
    group.append(make("path", { d: renewed ? diamond : cross }));
    if (r.served > 1) group.append(make("text", { class: "served", x: x + 8, y: laneY(3) + 13 }, `for ${r.served}`));
    return group;
  }

  #thing(r, className, title) {
    const group = make("g", { class: className, "data-kind": r.kind, "data-name": r.name, "data-op": r.op ?? "" });
    group.append(make("title", {}, title));
    return group;
  }
}

function verdict(status) {
  if (status === 401) return "none";
  return status >= 400 ? "later" : "ok";
}
