// The page's script with Crossmint's React UI, as an application uses it, and a state
// that a test can read.
import { useEffect } from "react";
import { createRoot } from "react-dom/client";
import { CrossmintAuthProvider, CrossmintProvider, useCrossmintAuth } from "ui";

const options = JSON.parse(document.getElementById("options").textContent);
const state = { user: "", status: "", statuses: [] };
globalThis.state = state;

function Account() {
  const { login, logout, status, user } = useCrossmintAuth();
  useEffect(() => {
    Object.assign(state, { user: user?.id ?? "", status });
    if (state.statuses.at(-1) !== status) state.statuses.push(status);
  }, [status, user]);
  return (
    <main>
      <p id="user">{user?.id}</p>
      <p id="status">{status}</p>
      <button id="login" onClick={() => login()}>Sign in</button>
      <button id="logout" onClick={() => logout()}>Log out</button>
    </main>
  );
}

createRoot(document.getElementById("app")).render(
  <CrossmintProvider apiKey={options.apiKey} overrideBaseUrl={options.upstream}>
    <CrossmintAuthProvider loginMethods={["email"]} refreshRoute={options.refreshRoute} logoutRoute={options.logoutRoute}>
      <Account />
    </CrossmintAuthProvider>
  </CrossmintProvider>,
);
