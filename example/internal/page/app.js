// The page's machinery. What it shows is decided by GET /api/me alone:
// 200 the session, 401 the sign-in form, anything else "cannot tell now".
// Data enters the document as text, never as mark-up.

const demo = document.body.dataset.demo === "true";
const byId = (id) => document.getElementById(id);

const LINGER_MS = 1500; // how long an expired JWT is shown before it is used
const RETRY_S = 3; // the wait after an answer that names none
const MAX_LOG = 50;

let session = null; // {userId, expiresAt, seenAt}, times in ms
let signIn = null; // {email, emailId} between the two forms
let timer = 0; // of the next call that the page makes by itself

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
    return { status: response.status, data, retryAfter: Number(response.headers.get("Retry-After")) || RETRY_S };
  } catch {
    return { status: 0, data: {}, retryAfter: RETRY_S };
  }
}

let queue = Promise.resolve();

// callMe asks who is signed in. Calls wait for each other, so that the last
// answer is the newest.
function callMe(why) {
  clearTimeout(timer);
  queue = queue.then(() => askMe(why));
  return queue;
}

async function askMe(why) {
  const { status, data, retryAfter } = await api("GET", "/api/me");
  if (status === 200) {
    log("called /api/me", `${why}: 200`);
    showSession(data);
  } else if (status === 401) {
    log("called /api/me", `${why}: 401, nobody is signed in`);
    showSignedOut();
  } else {
    log("called /api/me", `${why}: ${status || "no answer"}`, "bad");
    showUndecided(status, retryAfter);
  }
}

// ---- the three views ----

function show(view) {
  for (const id of ["loading", "signed-out", "session"]) byId(id).hidden = id !== view;
}

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = text === "";
}

function showSession(data) {
  const expiresAt = Date.parse(data.expiresAt);
  const before = session;
  if (!before || before.expiresAt !== expiresAt) session = { userId: data.userId, expiresAt, seenAt: Date.now() };
  if (before && before.expiresAt !== expiresAt) {
    log("JWT refreshed silently by the middleware", `now until ${clock(expiresAt)}`, "good");
  }
  byId("user-id").textContent = data.userId;
  byId("expires-at").textContent = `at ${clock(expiresAt)}`;
  byId("expires-at").dateTime = data.expiresAt;
  notice("");
  show("session");
  tick();
  plan();
}

function showSignedOut() {
  if (session) log("signed out", "", "good");
  const focus = session !== null;
  session = null;
  notice("");
  show("signed-out");
  if (focus) {
    restartSignIn();
    byId("email").focus();
  }
}

function showUndecided(status, retryAfter) {
  const reason = status === 0 ? "this page's server does not answer" : "Crossmint is out of reach";
  const known = session ? " You are still signed in." : "";
  notice(`Cannot tell now: ${reason}.${known} Retrying in ${retryAfter} s.`);
  timer = setTimeout(() => callMe("tried again"), retryAfter * 1000);
}

// plan has the API called when the JWT has expired, if the user wants that.
function plan() {
  clearTimeout(timer);
  if (!session || !byId("auto").checked) return;
  const wait = Math.min(Math.max(session.expiresAt - Date.now(), 0) + LINGER_MS, 2 ** 31 - 1);
  timer = setTimeout(() => callMe("by itself"), wait);
}

function tick() {
  if (!session) return;
  const left = session.expiresAt - Date.now();
  const over = left <= 0;
  byId("countdown-label").textContent = over ? "The JWT expired" : "The JWT expires in";
  byId("countdown").textContent = over ? `${duration(-left)} ago` : duration(left + 999);
  byId("countdown").classList.toggle("over", over);
  byId("remaining").value = Math.max(left, 0) / Math.max(session.expiresAt - session.seenAt, 1);
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

// ---- the log ----

function log(what, detail, kind) {
  const item = document.createElement("li");
  if (kind) item.className = kind;
  const now = Date.now();
  item.append(element("time", "", clock(now)), element("div", "what", what));
  if (detail) item.append(element("div", "detail", detail));
  item.firstChild.dateTime = new Date(now).toISOString();
  byId("log").prepend(item);
  while (byId("log").children.length > MAX_LOG) byId("log").lastChild.remove();
}

function element(name, className, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.textContent = text;
  return e;
}

// ---- signing in and out ----

function restartSignIn() {
  signIn = null;
  byId("code").value = "";
  byId("signin-error").textContent = "";
  byId("email-form").hidden = false;
  byId("code-form").hidden = true;
}

async function sendCode() {
  const email = byId("email").value.trim();
  const { status, data } = await api("POST", "/api/signin/code", { email });
  if (status !== 200) return fail(data);
  signIn = { email, emailId: data.emailId };
  log("asked for a code", email);
  byId("sent-to").textContent = email;
  byId("email-form").hidden = true;
  byId("code-form").hidden = false;
  if (demo) await readInbox(email);
  byId("code").focus();
}

async function readInbox(email) {
  const { data } = await api("GET", `/api/inbox?email=${encodeURIComponent(email)}`);
  byId("inbox-code").textContent = data.code ?? "lost";
}

// confirmCode ends the sign-in as Crossmint's browser client does: the
// one-time secret goes to the refresh route, which sets the cookies.
async function confirmCode() {
  const confirmed = await api("POST", "/api/signin/confirm", { ...signIn, code: byId("code").value });
  if (confirmed.status !== 200) {
    byId("code").select();
    return fail(confirmed.data);
  }
  const refreshed = await api("POST", "/api/refresh", { refresh: confirmed.data.oneTimeSecret });
  if (refreshed.status !== 200) return fail(refreshed.data);
  log("signed in", signIn.email, "good");
  restartSignIn();
  await callMe("after signing in");
  byId("session-title").focus();
}

async function signOut() {
  const { status } = await api("POST", "/api/logout");
  if (status !== 204) notice("Signing out did not work. Please try again.");
  await callMe("after signing out");
}

function fail(data) {
  byId("signin-error").textContent = `${data.message ?? "The server does not answer"}.`;
}

// during keeps a button from being pressed twice. It is not disabled, since
// that would take the keyboard's focus from it.
async function during(button, work) {
  if (button.ariaDisabled === "true") return;
  byId("signin-error").textContent = "";
  button.ariaDisabled = "true";
  try {
    await work();
  } finally {
    button.ariaDisabled = "false";
  }
}

function onSubmit(form, work) {
  byId(form).addEventListener("submit", (event) => {
    event.preventDefault();
    during(event.target.querySelector("[type=submit]"), work);
  });
}

onSubmit("email-form", sendCode);
onSubmit("code-form", confirmCode);
byId("use-code")?.addEventListener("click", () => {
  byId("code").value = byId("inbox-code").textContent;
  byId("code").focus();
});
byId("other-email").addEventListener("click", () => {
  restartSignIn();
  byId("email").focus();
});
byId("call-me").addEventListener("click", (event) => during(event.target, () => callMe("by hand")));
byId("sign-out").addEventListener("click", (event) => during(event.target, signOut));
byId("auto").addEventListener("change", plan);
setInterval(tick, 250);
callMe("on loading the page");
