// The time line in words: the last thing of note, and the totals.

import { byId, clock } from "./dom.js";

const SENTENCES = {
  refreshed: ({ op, served }) => {
    if (op === "refresh") return "Signed in.";
    const others = served > 1 ? ` ${served} requests shared it.` : "";
    return `The session was refreshed, and nobody noticed.${others}`;
  },
  early_refresh_failed: () => "A refresh ahead of time failed. The JWT still holds, so the request was served.",
  undecided: () => "The JWT has expired and Crossmint does not answer: try later. The cookies stay.",
  signed_out: () => "Crossmint refused the refresh token: signed out.",
  logged_out: () => "Signed out, and Crossmint knows.",
  logout_failed: () => "Signed out here. Crossmint could not be told.",
  up: () => "Crossmint is up.",
  slow: () => "Crossmint is slow.",
  down: () => "Crossmint is down.",
};

// tell says what has happened last. A screen reader reads it.
export function tell({ records }) {
  const last = records.filter((r) => SENTENCES[r.name]).at(-1);
  if (!last) return;
  const text = SENTENCES[last.name](last);
  const story = byId("story");
  if (story.dataset.text === text && last.name === "undecided") return; // once is enough
  story.dataset.text = text;
  story.textContent = `${clock(last.at)} ${text}`;
}

export function total({ counts }) {
  const write = (id, text) => {
    if (byId(id)) byId(id).textContent = text;
  };
  const calls = Object.entries(counts.calls);
  write("total-requests", counts.requests);
  write("total-refreshes", counts.refreshes);
  write("total-calls", calls.reduce((sum, [, n]) => sum + n, 0));
  write("breakdown", calls.length ? `Calls to Crossmint: ${calls.map(([name, n]) => `${name} ${n}`).join(", ")}.` : "");
}
