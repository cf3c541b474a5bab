// The time line in words: the last event and the totals.

import { byId, formatTime } from "./dom.js";

// SENTENCES are keyed by the name of a record: an outcome or a mode.
const SENTENCES = {
  signed_in: () => "Signed in.",
  sign_in_failed: () => "The sign-in has failed.",
  refreshed: ({ served }) => (served > 1 ? `Token refreshed once for ${served} requests.` : "Token refreshed. The request succeeded."),
  early_refresh_failed: () => "An early token refresh failed. The token is still valid, so the request succeeded.",
  unavailable: () => "The token has expired and Crossmint does not respond. The user stays signed in.",
  asked_again: () => "Crossmint rejected the refresh token. The browser tries again after a second, with its newest cookies.",
  rejected: () => "The refresh token is still rejected. The user has to sign in. The cookies stay for now.",
  signed_out: () => "Crossmint rejected the refresh token again, an hour later or more. The cookies are deleted.",
  logged_out: () => "Signed out here and at Crossmint.",
  logout_failed: () => "Signed out here. Crossmint could not be informed.",
  logout_not_shared: () => "Signed out here and at Crossmint. The other instances could not be informed yet.",
  up: () => "Crossmint is working.",
  slow: () => "Crossmint is slow.",
  down: () => "Crossmint is down.",
};

const ENDPOINTS = { keys: "public keys", refresh: "token refresh", logout: "sign-out" };

// showStory shows the last event. A screen reader reads it aloud, so a
// repeated outage is shown once.
export function showStory({ records }) {
  const last = records.filter((r) => SENTENCES[r.name]).at(-1);
  if (!last) return;
  const sentence = SENTENCES[last.name](last);
  const story = byId("story");
  if (story.dataset.sentence === sentence && last.name === "unavailable") return;
  story.dataset.sentence = sentence;
  story.textContent = `${formatTime(last.at)} ${sentence}`;
}

export function showTotals({ counts }) {
  const write = (id, text) => {
    if (byId(id)) byId(id).textContent = text;
  };
  const calls = Object.entries(counts.calls);
  const list = calls.map(([endpoint, n]) => `${ENDPOINTS[endpoint] ?? endpoint} ${n}`).join(", ");
  write("total-requests", counts.requests);
  write("total-refreshes", counts.refreshes);
  write("total-calls", calls.reduce((sum, [, n]) => sum + n, 0));
  write("breakdown", list && `Calls to Crossmint: ${list}.`);
}
