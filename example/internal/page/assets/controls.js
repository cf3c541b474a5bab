// The controls of the simulated Crossmint: a request with an expired token, 50
// requests at once, and the switch that makes Crossmint slow or takes it down.

import { api, demo } from "./api.js";
import { byId, onClick } from "./dom.js";
import { onHistory, pollAgain } from "./history.js";
import { applyResponse, callMe, enqueue, expireSession } from "./session.js";

const BURST_SIZE = 50;

let switching = false;

// expireToken replaces the session token by an expired one. It returns how
// often the server had called Crossmint's refresh before. The count comes with
// the expired token because another tab may be the first to use that token.
function expireToken() {
  return enqueue(async () => {
    const response = await demo("expire");
    if (!response?.ok) return (await pollAgain())?.counts.calls.refresh ?? 0;
    expireSession();
    return (await response.json()).refreshes;
  });
}

async function sendExpired() {
  byId("expired-result").textContent = "…";
  await expireToken();
  const { status } = await callMe();
  byId("expired-result").textContent = describe(status);
}

function describe(status) {
  if (status === 200) return "200: succeeded with a new token";
  if (status === 401) return "401: not signed in";
  return `${status}: try again later`;
}

async function sendBurst() {
  byId("burst-result").textContent = "…";
  const before = await expireToken();
  const responses = await enqueue(() => Promise.all(Array.from({ length: BURST_SIZE }, () => api("GET", "/api/me"))));
  const after = await pollAgain();
  applyResponse(responses.at(-1));
  const calls = (after?.counts.calls.refresh ?? 0) - before;
  byId("burst-result").textContent = `${countByStatus(responses)}, ${calls} ${calls === 1 ? "call" : "calls"} to Crossmint`;
}

// countByStatus returns, for example, "48 succeeded, 2 failed (503)".
function countByStatus(responses) {
  const counts = new Map();
  for (const { status } of responses) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, n]) => `${n} ${status === 200 ? "succeeded" : `failed (${status})`}`).join(", ");
}

// showMode shows the mode of the server, which another tab may have changed.
function showMode({ mode }) {
  if (switching) return;
  for (const input of document.getElementsByName("mode")) {
    input.checked = input.value === mode;
    byId(`can-${input.value}`).hidden = input.value !== mode;
  }
}

async function setMode(mode) {
  switching = true;
  byId("expired-result").textContent = byId("burst-result").textContent = "";
  await demo("upstream", { mode });
  switching = false;
  await pollAgain();
}

export function startControls() {
  onClick("expired", sendExpired);
  onClick("burst", sendBurst);
  for (const input of document.getElementsByName("mode")) {
    input.addEventListener("change", () => setMode(input.value));
  }
  onHistory(showMode);
}
