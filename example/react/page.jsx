// The page: Crossmint's React UI signs in, and the API of main.go says who is signed in.
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { CrossmintAuthProvider, CrossmintProvider, useCrossmintAuth } from "@crossmint/client-sdk-react-ui";

function Account() {
  const { login, logout, status } = useCrossmintAuth();
  const [profile, setProfile] = useState(null);

  // The cookies go along by themselves. The middleware renews an expired session on
  // the way, so the page knows nothing of tokens.
  async function load() {
    const response = await fetch("/api/me");
    setProfile(response.ok ? await response.json() : null);
  }
  useEffect(() => {
    if (status === "logged-in") load();
    else setProfile(null);
  }, [status]);

  if (status === "logged-out") return <button id="login" onClick={() => login()}>Sign in</button>;
  if (!profile) return <p>One moment…</p>;
  return (
    <>
      <p>Signed in as <b id="user">{profile.userId}</b>.</p>
      <p>The JWT expires at <time id="expires">{profile.expiresAt}</time>.</p>
      <button id="reload" onClick={load}>Ask the API again</button>{" "}
      <button id="logout" onClick={() => logout()}>Sign out</button>
    </>
  );
}

const config = JSON.parse(document.getElementById("config").textContent);
createRoot(document.getElementById("app")).render(
  <CrossmintProvider apiKey={config.apiKey} overrideBaseUrl={config.upstream}>
    <CrossmintAuthProvider loginMethods={["email"]} refreshRoute="/api/refresh" logoutRoute="/api/logout">
      <Account />
    </CrossmintAuthProvider>
  </CrossmintProvider>,
);
