// The journal of the server, read again and again. A stream would hold one of
// the few connections that a browser opens to a host, for each tab.

import { answeredAt, callMe } from "./session.js";

const PAUSE_MS = 400;
const SESSION_CHANGES = ["refreshed", "logged_out", "logout_failed", "signed_out"];

const watchers = []; // are called with each answer
let state = 0;
let started = 0;
let reading = null;

export function onHistory(watcher) {
  watchers.push(watcher);
}

// read returns what is new, after the watchers have had it. Two that ask at
// the same time get the same.
export function read() {
  reading ??= fetchNews().finally(() => (reading = null));
  return reading;
}

// readAnew returns what is true after the call, not when an earlier one began.
export async function readAnew() {
  if (reading) await reading;
  return read();
}

async function fetchNews() {
  const response = await fetch(`/api/history?after=${state}`, { cache: "no-store" }).catch(() => null);
  if (!response?.ok) return null;
  const news = await response.json();
  if (started && news.started !== started) location.reload(); // another server has another past
  started = news.started;
  state = news.state;
  const offset = Date.now() - news.now;
  for (const record of news.records) record.at += offset;
  for (const watcher of watchers) watcher(news);
  return news;
}

// follow asks who is signed in when another tab has changed that.
function follow({ records }) {
  const changed = records.some((r) => SESSION_CHANGES.includes(r.name) && r.at > answeredAt);
  if (answeredAt && changed) callMe();
}

export async function startHistory() {
  onHistory(follow);
  for (;;) {
    await read();
    await new Promise((wake) => setTimeout(wake, PAUSE_MS));
  }
}
