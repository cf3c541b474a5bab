// Who is signed in. GET /api/me alone decides: 200 is the session, 401 is
// nobody, and anything else is "cannot tell now", which changes nothing.

import { api } from "./api.js";
import { byId, clock, onClick } from "./dom.js";

const LINGER_MS = 1000; // how long an expired JWT is shown before it is used
const MAX_WAIT_MS = 2 ** 31 - 1;

// session is {userId, issuedAt, expiresAt}, times in ms; null is nobody.
export let session = null;
export let answeredAt = 0; // when the server has last decided

const watchers = []; // are called with the session when it has changed
let timer = 0; // of the next call that the page makes by itself
let queue = Promise.resolve();

export function onSession(watcher) {
  watchers.push(watcher);
}

// inTurn does what changes the session or asks for it, one after the other, so
// that the last answer is the newest.
export function inTurn(work) {
  queue = queue.then(work);
  return queue;
}

// callMe asks who is signed in.
export function callMe() {
  clearTimeout(timer);
  return inTurn(async () => take(await api("GET", "/api/me")));
}

// take draws the conclusions of an answer, and returns it.
export function take(answer) {
  if (answer.status === 200) showSession(answer.data);
  else if (answer.status === 401) showSignedOut();
  else showUndecided(answer);
  return answer;
}

function show(view) {
  for (const id of ["loading", "signed-out", "session"]) byId(id).hidden = id !== view;
}

export function notice(text) {
  if (byId("notice").textContent === text) return; // a screen reader has read it
  byId("notice").textContent = text;
  byId("notice").hidden = text === "";
}

function change(next) {
  answeredAt = Date.now();
  const same = session?.expiresAt === next?.expiresAt && session?.userId === next?.userId;
  const before = session;
  session = next;
  if (!same) for (const watcher of watchers) watcher(session, before);
}

function showSession({ userId, issuedAt, expiresAt }) {
  byId("user-id").textContent = userId;
  byId("expires-at").textContent = clock(Date.parse(expiresAt));
  byId("expires-at").dateTime = expiresAt;
  notice("");
  show("session");
  change({ userId, issuedAt: Date.parse(issuedAt), expiresAt: Date.parse(expiresAt) });
  tick();
  plan();
}

// expireNow shows that the JWT has been replaced by an expired one.
export function expireNow() {
  if (!session) return;
  change({ ...session, expiresAt: Date.now() });
  byId("expires-at").textContent = clock(session.expiresAt);
  tick();
}

function showSignedOut() {
  notice("");
  show("signed-out");
  change(null);
}

function showUndecided({ status, retryAfter }) {
  const reason = status === 0 ? "this page's server does not answer" : "Crossmint is out of reach";
  const known = session ? " You are still signed in." : "";
  notice(`Try later: ${reason}.${known} Trying again in ${retryAfter} s.`);
  if (!session) show("loading");
  clearTimeout(timer);
  timer = setTimeout(callMe, retryAfter * 1000);
}

// plan has the API called when the JWT has expired, if the user wants that.
function plan() {
  clearTimeout(timer);
  if (!session || !byId("auto").checked) return;
  const wait = Math.max(session.expiresAt - Date.now(), 0) + LINGER_MS;
  timer = setTimeout(callMe, Math.min(wait, MAX_WAIT_MS));
}

function tick() {
  if (!session) return;
  const left = session.expiresAt - Date.now();
  const over = left <= 0;
  byId("countdown-label").textContent = over ? "The JWT expired" : "The JWT expires in";
  byId("countdown").textContent = over ? `${duration(-left)} ago` : duration(left + 999);
  byId("countdown").classList.toggle("over", over);
  byId("remaining").value = Math.max(left, 0) / (session.expiresAt - session.issuedAt);
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

async function signOut() {
  const { status } = await api("POST", "/api/logout");
  await callMe();
  if (status !== 204) notice("Signing out did not work. Please try again.");
}

// startSession shows who is signed in, from now on.
export function startSession() {
  onClick("call-me", callMe);
  onClick("sign-out", signOut);
  byId("auto").addEventListener("change", plan);
  setInterval(tick, 250);
  return callMe();
}
