// The page's machinery. Data enters the document as text, never as mark-up.

const byId = (id) => document.getElementById(id);

const POLL_MS = 1000;
const MAX_LOG = 100;

let state = null; // the last response of /demo/state
let busy = false; // a button's work is under way

// ---- the server ----

async function api(method, path, body) {
  const init = { method, cache: "no-store" };
  if (body) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, init);
    const data = await response.json().catch(() => ({}));
    return { status: response.status, data, instance: response.headers.get("X-Instance") };
  } catch {
    return { status: 0, data: {}, instance: null };
  }
}

// ---- what is shown ----

function log(text, kind = "") {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const what = document.createElement("span");
  time.textContent = new Date().toLocaleTimeString([], { hourCycle: "h23" });
  what.textContent = text;
  item.className = kind;
  item.append(time, what);
  byId("log").prepend(item);
  while (byId("log").children.length > MAX_LOG) byId("log").lastChild.remove();
}

function result(text, kind) {
  byId("result").textContent = text;
  byId("result").className = `result ${kind}`;
  log(text, kind);
}

const counted = (n, one, many) => `${n} ${n === 1 ? one : many}`;
const calls = (askers) =>
  counted(askers.length, "upstream call", "upstream calls") + (askers.length > 0 ? `, by ${askers.join(" and ")}` : "");
const tally = (counts) => Object.entries(counts).map(([what, n]) => `${n} × ${what}`).join(", ");

async function watch() {
  const { status, data } = await api("GET", "/demo/state");
  if (status === 200) show(data);
  else byId("who").textContent = "The balancer does not respond: has it been stopped?";
}

function show(data) {
  state = data;
  byId("calls").textContent = data.upstreamCalls;
  byId("store-kind").textContent = data.store.kind;
  byId("store-state").textContent = data.store.frozen ? "frozen: it does not respond" : data.store.pid ? `runs, process ${data.store.pid}` : data.store.kind === "miniredis" ? "runs within the balancer's process" : "is not one of these processes";
  byId("store-state").className = data.store.frozen ? "down" : "";
  byId("freeze").textContent = data.store.frozen ? "Let the store go on" : "Freeze the store";
  byId("freeze").setAttribute("aria-disabled", String(!data.store.canFreeze));
  byId("store-hint").textContent = data.store.canFreeze
    ? "Frozen, it hangs. Valid sessions do not notice; expired ones are refreshed by each instance for itself, and no cookie is cleared."
    : "Only a store that this program starts as a process can be frozen: -store=redis-server.";
  byId("trap").setAttribute("aria-disabled", String(data.trap));
  byId("trap").textContent = data.trap ? "The next instance that refreshes is killed" : "Kill the next instance that refreshes";
  for (const instance of data.instances) showInstance(instance);
}

function showInstance({ name, running, pid, responses }) {
  const row = byId(`instance-${name}`) ?? newRow(name);
  const [, stateCell, count, action] = row.children;
  const text = running ? `runs, process ${pid}` : "killed";
  if (stateCell.textContent && stateCell.textContent !== text) log(`Instance ${name}: ${text}`, running ? "" : "bad");
  stateCell.textContent = text;
  stateCell.className = running ? "" : "down";
  count.textContent = responses;
  action.firstChild.textContent = running ? `Kill ${name}` : `Restart ${name}`;
}

function newRow(name) {
  const row = document.createElement("tr");
  row.id = `instance-${name}`;
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  const action = document.createElement("td");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.addEventListener("click", () => work(() => toggle(name)));
  action.append(button);
  row.append(head, document.createElement("td"), document.createElement("td"), action);
  byId("instances").append(row);
  return row;
}

// ---- the buttons ----

// work does one thing at a time, and shows what came of it.
async function work(what) {
  if (busy) return;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  await what();
  await watch();
  document.body.removeAttribute("aria-busy");
  busy = false;
}

async function toggle(name) {
  const running = state.instances.find((i) => i.name === name).running;
  const { status, data } = await api("POST", `/demo/${running ? "kill" : "restart"}/${name}`);
  if (status >= 400) log(data.message, "bad");
}

async function whoAmI() {
  const { status, data } = await api("GET", "/api/me");
  byId("who").textContent = status === 200 ? `Signed in: ${data.userId}` : status === 401 ? "Signed out." : "No decision at the moment.";
  return status;
}

async function signIn() {
  const { data } = await api("POST", "/demo/signin");
  const { status, instance } = await api("POST", "/api/refresh", { refresh: data.oneTimeSecret });
  log(status === 200 ? `Signed in, by instance ${instance}` : `Sign-in failed: ${status || "no response"}`, status === 200 ? "" : "bad");
  await whoAmI();
}

async function signOut() {
  const { status, instance } = await api("POST", "/api/logout");
  log(status === 204 ? `Signed out, by instance ${instance}` : `Sign-out failed: ${status || "no response"}`, status === 204 ? "" : "bad");
  await whoAmI();
}

async function one(expired) {
  if (expired) await api("POST", "/demo/expire");
  const before = state.upstreamCalls;
  const { status, instance } = await api("GET", "/api/me");
  await watch();
  const asked = counted(state.upstreamCalls - before, "upstream call", "upstream calls");
  result(`${status || "No response"}${instance ? ` from instance ${instance}` : ""}, ${asked}`, status === 200 ? "good" : "bad");
  await whoAmI();
}

async function many(expired) {
  const { status, data } = await api("POST", `/demo/requests${expired ? "?expired=1" : ""}`);
  if (status !== 200) {
    result(`No response: ${status}`, "bad");
    return;
  }
  const sets = counted(data.cookies, "set of new cookies", "sets of new cookies");
  const good = data.statuses["200"] === data.requests;
  result(`${tally(data.statuses)} in ${data.millis} ms; instances: ${tally(data.instances)}; ${calls(data.upstream)}; ${sets}`, good ? "good" : "bad");
  await whoAmI();
}

async function freeze() {
  if (!state.store.canFreeze) return;
  const verb = state.store.frozen ? "thaw" : "freeze";
  await api("POST", `/demo/${verb}`);
  log(verb === "freeze" ? "The store is frozen" : "The store goes on");
}

async function trap() {
  await api("POST", "/demo/trap");
  log("Whoever refreshes next will be killed in the middle of it");
}

const buttons = {
  "sign-in": signIn, "sign-out": signOut, one: () => one(false), "one-expired": () => one(true),
  many: () => many(false), "many-expired": () => many(true), freeze, trap,
};
for (const [id, what] of Object.entries(buttons)) byId(id).addEventListener("click", () => work(what));

await watch();
await whoAmI();
setInterval(() => busy || watch(), POLL_MS);
