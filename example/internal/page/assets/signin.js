// The sign-in by email code. Its last step is the one of Crossmint's browser
// client: POST /api/refresh exchanges the one-time secret for the cookies.

import { api } from "./api.js";
import { byId, onClick, whileBusy } from "./dom.js";
import { callMe } from "./session.js";

const isDemo = document.body.dataset.demo === "true";

let pending = null; // {email, emailId} between the two forms

// resetSignIn shows the first form.
export function resetSignIn() {
  pending = null;
  byId("code").value = "";
  byId("signin-error").textContent = "";
  byId("email-form").hidden = false;
  byId("code-form").hidden = true;
}

async function sendCode() {
  const email = byId("email").value.trim();
  const { status, data } = await api("POST", "/api/signin/code", { email });
  if (status !== 200) return showError(data);
  pending = { email, emailId: data.emailId };
  byId("sent-to").textContent = email;
  byId("email-form").hidden = true;
  byId("code-form").hidden = false;
  if (isDemo) await readInbox(email);
  byId("code").focus();
}

async function readInbox(email) {
  const { data } = await api("GET", `/api/inbox?email=${encodeURIComponent(email)}`);
  byId("inbox-code").textContent = data.code ?? "missing";
}

async function confirmCode() {
  const confirmed = await api("POST", "/api/signin/confirm", { ...pending, code: byId("code").value });
  if (confirmed.status !== 200) {
    byId("code").select();
    return showError(confirmed.data);
  }
  const refreshed = await api("POST", "/api/refresh", { refresh: confirmed.data.oneTimeSecret });
  if (refreshed.status !== 200) return showError(refreshed.data);
  await callMe();
  byId("session-title").focus();
}

function showError(data) {
  byId("signin-error").textContent = `${data.message ?? "The server does not respond"}.`;
}

function onSubmit(form, work) {
  byId(form).addEventListener("submit", (event) => {
    event.preventDefault();
    byId("signin-error").textContent = "";
    whileBusy(event.target.querySelector("[type=submit]"), work);
  });
}

export function startSignIn() {
  onSubmit("email-form", sendCode);
  onSubmit("code-form", confirmCode);
  onClick("use-code", () => {
    byId("code").value = byId("inbox-code").textContent;
    byId("code").focus();
  });
  onClick("other-email", () => {
    resetSignIn();
    byId("email").focus();
  });
}
