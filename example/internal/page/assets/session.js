// The session of this browser. GET /api/me decides: 200 returns the session,
// and 401 means that there is none. Any other status leaves the session as it
// is. Tabs send each other what they learn, so that all show the same.

import { api } from "./api.js";
import { byId, formatTime, onClick } from "./dom.js";

const EXPIRED_VIEW_MS = 1000; // how long an expired token is shown before the next request
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const TICK_MS = 250; // divides a second

// session is {userId, issuedAt, expiresAt}, times in ms, or null.
export let session = null;
export let decidedAt = 0; // when this tab last learned of the session

const watchers = []; // called with each new session and the previous one
const tabs = new BroadcastChannel("session");
let messages = 0; // from other tabs
let timer = 0; // of the next automatic request
let queue = Promise.resolve();

export function onSession(watcher) {
  watchers.push(watcher);
}

// enqueue runs work that changes or reads the session, one at a time, so that
// the last response is also the newest.
export function enqueue(work) {
  queue = queue.then(work);
  return queue;
}

// callMe asks the server for the session and returns the response.
export function callMe() {
  clearTimeout(timer);
  return enqueue(async () => applyResponse(await fetchMe()));
}

// fetchMe asks again if another tab reported a different session meanwhile:
// the first response may be older than that report.
async function fetchMe() {
  const before = messages;
  const response = await api("GET", "/api/me");
  const next = parseSession(response);
  const isStale = messages !== before && next !== undefined && !isSame(next, session);
  return isStale ? api("GET", "/api/me") : response;
}

// parseSession returns undefined if the response does not decide.
function parseSession({ status, data }) {
  if (status === 401) return null;
  if (status !== 200) return undefined;
  return { userId: data.userId, issuedAt: Date.parse(data.issuedAt), expiresAt: Date.parse(data.expiresAt) };
}

function isSame(a, b) {
  return a?.expiresAt === b?.expiresAt && a?.userId === b?.userId;
}

// applyResponse shows the response of GET /api/me and returns it.
export function applyResponse(response) {
  const next = parseSession(response);
  if (next === undefined) showUnavailable(response);
  else setSession(next);
  return response;
}

// expireSession shows that an expired token has replaced the session token.
export function expireSession() {
  if (session) setSession({ ...session, expiresAt: Date.now() });
}

function setSession(next) {
  if (showSession(next)) tabs.postMessage(next);
}

// showSession reports whether the session has changed.
function showSession(next) {
  const previous = session;
  const changed = !isSame(previous, next);
  session = next;
  decidedAt = Date.now();
  showNotice("");
  showView(next ? "session" : "signed-out");
  if (next) {
    byId("user-id").textContent = next.userId;
    byId("expires-at").textContent = formatTime(next.expiresAt);
    byId("expires-at").dateTime = new Date(next.expiresAt).toISOString();
    showRemaining();
  }
  scheduleRequest();
  if (changed) for (const watcher of watchers) watcher(next, previous);
  return changed;
}

function showView(view) {
  for (const id of ["loading", "signed-out", "session"]) byId(id).hidden = id !== view;
}

function showNotice(text) {
  if (byId("notice").textContent === text) return; // a screen reader has read it already
  byId("notice").textContent = text;
  byId("notice").hidden = text === "";
}

function showUnavailable({ status, retryAfter }) {
  const reason = status === 0 ? "the server of this page does not respond" : "Crossmint does not respond";
  const known = session ? " You are still signed in." : "";
  showNotice(`Try again later: ${reason}.${known} The page tries again in ${retryAfter} s.`);
  if (!session) showView("loading");
  clearTimeout(timer);
  timer = setTimeout(callMe, retryAfter * 1000);
}

// scheduleRequest schedules a request after the token's expiry, if the user
// wants that.
function scheduleRequest() {
  clearTimeout(timer);
  if (!session || !byId("auto").checked) return;
  const wait = Math.max(session.expiresAt - Date.now(), 0) + EXPIRED_VIEW_MS;
  timer = setTimeout(callMe, Math.min(wait, MAX_TIMEOUT_MS));
}

// tick runs at fixed times of the clock, so that the countdowns of all tabs
// change at the same moment.
function tick() {
  showRemaining();
  setTimeout(tick, TICK_MS - (Date.now() % TICK_MS));
}

function showRemaining() {
  if (!session) return;
  const left = session.expiresAt - Date.now();
  const expired = left <= 0;
  byId("countdown-label").textContent = expired ? "Session token expired" : "Session token expires in";
  byId("countdown").textContent = expired ? `${formatDuration(-left)} ago` : formatDuration(left + 999);
  byId("countdown").classList.toggle("expired", expired);
  byId("remaining").value = Math.max(left, 0) / (session.expiresAt - session.issuedAt);
}

function formatDuration(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

async function signOut() {
  const { status } = await api("POST", "/api/logout");
  await callMe();
  if (status !== 204) showNotice("You are not signed out. Please try again.");
}

// startSession shows the session from now on.
export function startSession() {
  onClick("call-me", callMe);
  onClick("sign-out", signOut);
  byId("auto").addEventListener("change", scheduleRequest);
  tabs.addEventListener("message", ({ data }) => {
    messages++;
    showSession(data);
  });
  tick();
  return callMe();
}
