// The server, as the page sees it.

// TAB names this tab on the time line.
export const TAB = [...crypto.getRandomValues(new Uint8Array(6))].map((n) => (n % 36).toString(36)).join("");

const RETRY_S = 3; // the wait after an answer that names none

// api returns the answer; its status is 0 where there is none.
export async function api(method, path, body) {
  const init = { method, cache: "no-store", headers: { "X-Tab": TAB } };
  if (body) {
    init.headers["Content-Type"] = "application/json";
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

// demo does something to the fake.
export function demo(what, fields = {}) {
  const path = `/api/demo/${what}`;
  return fetch(path, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null);
}
