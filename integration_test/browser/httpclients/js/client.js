// Sends requests by one of the HTTP clients of Node. Each line of standard input is a
// request, and each line of standard output is its response, as JSON.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import makeFetchCookie from "fetch-cookie";
import { CookieJar } from "tough-cookie";
import { Agent, interceptors, request } from "undici";

const [name, certificate] = process.argv.slice(2);

async function read(response) {
  return { status: response.status, body: await response.text() };
}

// Each function returns a client with a jar of its own, if it has one. The fetch of Node
// reads the certificate from NODE_EXTRA_CA_CERTS.
const clients = {
  "tough-cookie": () => {
    const fetchCookie = makeFetchCookie(fetch, new CookieJar());
    return async (url, options) => read(await fetchCookie(url, options));
  },
  fetch: () => async (url, options) => read(await fetch(url, options)),
  undici: (retries) => {
    const chain = [interceptors.redirect({ maxRedirections: 5 })];
    if (retries) {
      chain.push(interceptors.retry({ maxRetries: 2, throwOnError: false }));
    }
    const dispatcher = new Agent({ connect: { ca: readFileSync(certificate) } }).compose(chain);
    return async (url, options) => {
      const { statusCode, body } = await request(url, { ...options, dispatcher });
      return { status: statusCode, body: await body.text() };
    };
  },
};

const sessions = {};
for await (const line of createInterface({ input: process.stdin })) {
  const { session, retries, url, method, headers, body } = JSON.parse(line);
  sessions[session] ??= clients[name](retries);
  const response = await sessions[session](url, { method, headers, body }).catch((error) => ({ error: String(error) }));
  console.log(JSON.stringify(response));
}
