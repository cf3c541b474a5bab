// The time line, in SVG. The x coordinate of each mark is its time. All marks
// are in groups that move to the left; the line for "now" stays in place.

import { TAB } from "./api.js";

const SVG = "http://www.w3.org/2000/svg";
const LANES = ["Session token", "Requests from this tab", "Requests from other tabs", "Token refreshes", "Calls to Crossmint"];
const LANE_PX = 40;
const NAME_PX = 13; // baseline of the lane's name
const MARK_PX = 26; // middle of the marks, below the name
const AXIS_PX = 20;
const WIDE_PX = 560;
const PAST = 2 / 3; // of the width; the rest is the future, which shows when a token expires
const MIN_LINE_MS = 150; // shorter requests are a dot without a line
const MAX_RUNNING_MS = 3600_000; // how far the mark of a running request reaches; "now" clips it
const HISTORY_MS = 120_000;
const FRESH_MS = 2000;
const base = Date.now(); // keeps coordinates small

const laneY = (lane) => lane * LANE_PX;
const markY = (lane) => laneY(lane) + MARK_PX;

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
  #svg = make("svg", { role: "img", "aria-label": "Time line of requests, token refreshes and calls to Crossmint" });
  #moving = { lifetimes: make("g"), bands: make("g"), marks: make("g") };
  #records = new Map(); // by ID
  #lifetimes = []; // {from, to} of session tokens
  #pxPerMs = 0;
  #nowX = 0;

  // The server knows the calls only if Crossmint is simulated.
  constructor(host, withCalls) {
    this.#host = host;
    this.#lanes = withCalls ? LANES : LANES.slice(0, -1);
    this.#height = this.#lanes.length * LANE_PX + AXIS_PX;
    this.#svg.setAttribute("height", this.#height);
    host.append(this.#svg);
    new ResizeObserver(() => this.#layOut()).observe(host);
    this.#layOut();
    this.#animate();
  }

  // addLifetime shows a new session token in place of the previous one. Its
  // times are whole seconds, so a fresh token starts now instead.
  addLifetime({ issuedAt, expiresAt }) {
    const now = Date.now();
    const from = now - issuedAt < FRESH_MS ? now : issuedAt;
    this.endLifetime(from);
    this.#lifetimes.push({ from, to: expiresAt });
    this.#redraw();
  }

  // endLifetime shows that the last session token was valid until then.
  endLifetime(then) {
    const last = this.#lifetimes.at(-1);
    if (last) last.to = Math.max(last.from, Math.min(last.to, then));
    this.#redraw();
  }

  addRecords(records) {
    if (records.length === 0) return;
    for (const record of records) this.#records.set(record.id, record);
    this.#redraw();
  }

  // #animate moves the marks, in steps of a second for users who prefer
  // reduced motion.
  #animate() {
    const reduced = matchMedia("(prefers-reduced-motion: reduce)");
    const step = () => {
      this.#move();
      if (reduced.matches) setTimeout(step, 1000);
      else requestAnimationFrame(step);
    };
    step();
  }

  #move() {
    const shift = `translate(${this.#nowX - (Date.now() - base) * this.#pxPerMs})`;
    for (const group of Object.values(this.#moving)) group.setAttribute("transform", shift);
  }

  // #layOut draws the fixed parts for the present width.
  #layOut() {
    const width = Math.max(this.#host.clientWidth, 200);
    const seconds = width < WIDE_PX ? 30 : 60;
    this.#pxPerMs = width / (seconds * 1000);
    this.#nowX = width * PAST;
    this.#svg.setAttribute("width", width);
    this.#svg.replaceChildren(...this.#fixed(width));
    this.#redraw();
  }

  #fixed(width) {
    const past = make("clipPath", { id: "past" });
    past.append(make("rect", { x: 0, y: 0, width: this.#nowX + 6, height: this.#height }));
    const clipped = make("g", { "clip-path": "url(#past)" });
    clipped.append(this.#moving.bands, ...this.#borders(width), this.#moving.marks);
    return [past, clipped, this.#moving.lifetimes, ...this.#names(), ...this.#axis(width)];
  }

  #borders(width) {
    return this.#lanes.map((_, lane) => make("line", { class: "border", x1: 0, x2: width, y1: laneY(lane + 1), y2: laneY(lane + 1) }));
  }

  #names() {
    return this.#lanes.map((name, lane) => make("text", { class: "lane", x: 0, y: laneY(lane) + NAME_PX }, name));
  }

  #axis(width) {
    const y = this.#height - 5;
    const nodes = [make("line", { class: "now", x1: this.#nowX, x2: this.#nowX, y1: 0, y2: this.#height - AXIS_PX })];
    for (let s = -30; s <= 10; s += 10) {
      const x = this.#nowX + s * 1000 * this.#pxPerMs;
      if (x < 12 || x > width - 12) continue;
      nodes.push(make("text", { class: "axis", x, y }, s === 0 ? "now" : `${s > 0 ? "+" : "−"}${Math.abs(s)} s`));
    }
    return nodes;
  }

  // #redraw draws all marks again. They are few.
  #redraw() {
    this.#evict(Date.now() - HISTORY_MS);
    const records = [...this.#records.values()];
    const ofKind = (kind) => records.filter((r) => r.kind === kind);
    const modes = ofKind("upstream");
    this.#moving.lifetimes.replaceChildren(...this.#lifetimes.map((lifetime) => this.#lifetime(lifetime)));
    this.#moving.bands.replaceChildren(...modes.flatMap((r, i) => this.#band(r, modes[i + 1])));
    this.#moving.marks.replaceChildren(
      ...ofKind("call").map((r) => this.#call(r)),
      ...ofKind("request").map((r) => this.#request(r)),
      ...ofKind("outcome").map((r) => this.#outcome(r)),
    );
    this.#move();
  }

  // #evict drops old records, except the present mode.
  #evict(before) {
    const present = [...this.#records.values()].filter((r) => r.kind === "upstream").at(-1);
    for (const [id, r] of this.#records) if (r.at < before && r !== present) this.#records.delete(id);
    this.#lifetimes = this.#lifetimes.filter((lifetime) => lifetime.to > before);
  }

  #x(ms) {
    return (ms - base) * this.#pxPerMs;
  }

  #width(ms, min = 0) {
    return Math.max(ms * this.#pxPerMs, min);
  }

  #lifetime({ from, to }) {
    return make("rect", { class: "lifetime", x: this.#x(from), y: markY(0) - 8, width: this.#width(to - from), height: 16, rx: 4 });
  }

  #band(record, next) {
    if (record.name === "up") return [];
    const duration = next ? next.at - record.at : MAX_RUNNING_MS;
    const rect = { class: `band ${record.name}`, x: this.#x(record.at), y: 0, width: this.#width(duration), height: this.#height - AXIS_PX };
    return [make("rect", rect)];
  }

  // A finished request is a filled dot. A running one is a ring with a dashed
  // line up to now.
  #request(r) {
    const y = markY(r.tab === TAB ? 1 : 2) + ((r.id % 5) - 2) * 2; // separates requests of one moment
    const group = this.#group(r, requestState(r), r.status);
    const duration = isRunning(r) ? MAX_RUNNING_MS : r.duration;
    if (duration > MIN_LINE_MS) group.append(make("line", { x1: this.#x(r.at), x2: this.#x(r.at + duration), y1: y, y2: y }));
    group.append(make("circle", { cx: this.#x(r.at), cy: y, r: 5 }));
    return group;
  }

  #call(r) {
    const group = this.#group(r, callState(r), r.status);
    const width = this.#width(isRunning(r) ? MAX_RUNNING_MS : r.duration, 5);
    group.append(make("rect", { x: this.#x(r.at), y: markY(4) - 7, width, height: 14, rx: 2 }));
    return group;
  }

  #outcome(r) {
    const group = this.#group(r, OUTCOME_STATES[r.name] ?? "failed");
    const x = this.#x(r.at);
    group.append(make("path", { d: outcomePath(r.name, x, markY(3)) }));
    if (r.served > 1) group.append(make("text", { class: "served", x: x + 8, y: laneY(3) + NAME_PX }, `×${r.served}`));
    return group;
  }

  #group(r, state, detail = "") {
    const group = make("g", { class: `${r.kind} ${state}`, "data-id": r.id, "data-kind": r.kind, "data-name": r.name, "data-op": r.op ?? "" });
    group.append(make("title", {}, [r.name.replaceAll("_", " "), state, detail].filter(Boolean).join(", ")));
    return group;
  }
}

const OUTCOME_STATES = { refreshed: "refreshed", signed_in: "refreshed", logged_out: "signed-out" };

// A diamond is a refresh, a square a sign-out, and a cross a failure.
function outcomePath(name, x, y) {
  if (name === "refreshed" || name === "signed_in") return `M${x} ${y - 8}l8 8-8 8-8-8z`;
  if (name === "logged_out") return `M${x - 5} ${y - 5}h10v10h-10z`;
  return `M${x - 5} ${y - 5}l10 10m0-10l-10 10`;
}

const isRunning = (r) => r.duration < 0;

function requestState(r) {
  if (isRunning(r)) return "running";
  if (r.status === 401) return "unauthorized";
  if (r.status === 307) return "redirected";
  return r.status < 400 ? "succeeded" : "failed";
}

// callState takes a status of 0, no response, for a failure.
function callState(r) {
  if (isRunning(r)) return "running";
  return r.status > 0 && r.status < 400 ? "succeeded" : "failed";
}
