// The controls that break things: a JWT that has expired, fifty requests at
// once, and Crossmint slow or down.

import { api, demo } from "./api.js";
import { byId, onClick } from "./dom.js";
import { onHistory, readAnew } from "./history.js";
import { callMe, expireNow, inTurn, take } from "./session.js";

const REQUESTS = 50;

let switching = false;

// expire swaps the JWT for an expired one, if there is one that holds, and
// returns how many refreshes there were until then: another tab may be the
// first to use what we get.
function expire() {
  return inTurn(async () => {
    const answer = await demo("expire");
    if (!answer?.ok) return (await readAnew())?.counts.calls.refresh ?? 0;
    expireNow();
    return (await answer.json()).refreshes;
  });
}

async function callExpired() {
  byId("expired-result").textContent = "…";
  await expire();
  const { status } = await callMe();
  byId("expired-result").textContent = verdict(status);
}

function verdict(status) {
  if (status === 200) return "200: refreshed on the way";
  if (status === 401) return "401: nobody is signed in";
  return `${status}: try later`;
}

async function burst() {
  byId("burst-result").textContent = "…";
  const before = await expire();
  const answers = await inTurn(() => Promise.all(Array.from({ length: REQUESTS }, () => api("GET", "/api/me"))));
  const after = await readAnew();
  take(answers.at(-1));
  const calls = (after?.counts.calls.refresh ?? 0) - before;
  byId("burst-result").textContent = `${REQUESTS} requests, ${calls} upstream ${calls === 1 ? "call" : "calls"}: ${tally(answers)}`;
}

// tally says how often each status came.
function tally(answers) {
  const times = new Map();
  for (const { status } of answers) times.set(status, (times.get(status) ?? 0) + 1);
  return [...times].map(([status, n]) => `${n}\u00a0×\u00a0${status}`).join(", ");
}

// showMode shows the mode that the server is in: another tab may have
// switched it.
function showMode({ mode }) {
  if (switching) return;
  for (const input of document.getElementsByName("mode")) {
    input.checked = input.value === mode;
    byId(`can-${input.value}`).hidden = input.value !== mode;
  }
}

async function switchTo(mode) {
  switching = true;
  byId("expired-result").textContent = byId("burst-result").textContent = "";
  await demo("upstream", { mode });
  switching = false;
  await readAnew();
}

export function startControls() {
  onClick("expired", callExpired);
  onClick("burst", burst);
  for (const input of document.getElementsByName("mode")) {
    input.addEventListener("change", () => switchTo(input.value));
  }
  onHistory(showMode);
}
