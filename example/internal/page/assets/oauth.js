// The sign-in with a provider. The form opens a window; Crossmint's callback page in it
// sends the one-time secret to this page, which submits it to the site.

const start = document.getElementById("start");
const finish = document.getElementById("finish");
let opened = null; // the window with the provider

start.addEventListener("submit", () => {
  showError("");
  opened = window.open("", start.target, "popup,width=480,height=640");
  if (!opened) showError("Please allow this page to open a window.");
});

addEventListener("message", ({ source, data: message }) => {
  // Another site could send a secret of its own user.
  if (!opened || source !== opened) return;
  if (message?.event === "errorFromPopupCallback") showError("The sign-in has failed. Please try again.");
  if (message?.event !== "authMaterialFromPopupCallback") return;
  opened.close();
  finish.elements.secret.value = message.data.oneTimeSecret;
  finish.submit();
});

function showError(text) {
  const error = document.getElementById("error");
  error.textContent = text;
  error.hidden = text === "";
}
