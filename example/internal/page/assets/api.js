// Requests to the server.

// TAB identifies this tab on the time line.
export const TAB = [...crypto.getRandomValues(new Uint8Array(6))].map((n) => (n % 36).toString(36)).join("");

const DEFAULT_RETRY_S = 3; // for responses without Retry-After

// api sends a request and returns the response. The status is 0 if the server
// does not respond.
export async function api(method, path, body) {
  const init = { method, cache: "no-store", headers: { "X-Tab": TAB } };
  if (body) {
    init.headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, init);
    const data = await response.json().catch(() => ({}));
    return { status: response.status, data, retryAfter: Number(response.headers.get("Retry-After")) || DEFAULT_RETRY_S };
  } catch {
    return { status: 0, data: {}, retryAfter: DEFAULT_RETRY_S };
  }
}

// demo sends a command to the simulated Crossmint. It returns null if the
// server does not respond.
export function demo(command, fields = {}) {
  return fetch(`/api/demo/${command}`, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null);
}
