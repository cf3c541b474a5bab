// The journal of the server, which this module polls. A stream for each tab
// would occupy one of the few connections that a browser opens to a host.

import { callMe, decidedAt } from "./session.js";

const POLL_INTERVAL_MS = 400;
const SESSION_CHANGES = ["refreshed", "logged_out", "logout_failed", "logout_not_shared", "logout_rejected", "rejected", "signed_out"];

const watchers = []; // called with each response
let state = 0;
let startedAt = 0; // of the server
let pending = null; // the poll that is running

export function onHistory(watcher) {
  watchers.push(watcher);
}

// poll fetches the changes, calls the watchers, and returns the changes.
// Concurrent callers share one request.
function poll() {
  pending ??= fetchHistory().finally(() => (pending = null));
  return pending;
}

// pollAgain waits for a running poll and starts another one, so that its
// result includes all changes before the call.
export async function pollAgain() {
  if (pending) await pending;
  return poll();
}

async function fetchHistory() {
  const response = await fetch(`/api/history?after=${state}`, { cache: "no-store" }).catch(() => null);
  if (!response?.ok) return null;
  const history = await response.json();
  if (startedAt && history.started !== startedAt) location.reload(); // a restarted server has another history
  startedAt = history.started;
  state = history.state;
  const clockOffset = Date.now() - history.now;
  for (const record of history.records) record.at += clockOffset;
  for (const watcher of watchers) watcher(history);
  return history;
}

// checkSession asks the server for the session after a change that this tab
// has not seen, for example a sign-in without JavaScript in another tab.
function checkSession({ records }) {
  const changed = records.some((r) => SESSION_CHANGES.includes(r.name) && r.at > decidedAt);
  if (decidedAt && changed) callMe();
}

export async function startHistory() {
  onHistory(checkSession);
  for (;;) {
    await poll();
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}
