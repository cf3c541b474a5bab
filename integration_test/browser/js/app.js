// The page's script: Crossmint's client as an application uses it, and a state
// that a test can read.
import { CrossmintAuth, createCrossmint } from "client";

const options = JSON.parse(document.getElementById("options").textContent);
const element = (id) => document.getElementById(id);
const state = { user: "", renewals: 0, logouts: 0, secrets: 0, sent: false, failure: "" };
globalThis.state = state;

function set(changes) {
  Object.assign(state, changes);
  element("state").textContent = JSON.stringify(state, null, 2);
}

const auth = CrossmintAuth.from(createCrossmint({ apiKey: options.apiKey, overrideBaseUrl: options.upstream }), {
  refreshRoute: options.refreshRoute,
  logoutRoute: options.logoutRoute,
  callbacks: {
    onTokenRefresh: ({ user, refreshToken }) =>
      set({ user: user.id, renewals: state.renewals + 1, secrets: state.secrets + (refreshToken?.secret ? 1 : 0) }),
    onLogout: () => set({ user: "", logouts: state.logouts + 1 }),
  },
});

// on runs work for an event of an element, and shows what went wrong.
function on(id, event, work) {
  element(id).addEventListener(event, (e) => {
    e.preventDefault();
    work().catch((error) => set({ failure: String(error) }));
  });
}

let emailId;

on("send", "submit", async () => {
  ({ emailId } = await auth.sendEmailOtp(element("email").value));
  set({ sent: true });
});

on("confirm", "submit", async () => {
  const secret = await auth.confirmEmailOtp(element("email").value, emailId, element("code").value);
  await auth.handleRefreshAuthMaterial(secret);
});

on("logout", "click", () => auth.logout());

set({});
