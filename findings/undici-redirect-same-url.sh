#!/usr/bin/env bash
# Package: undici 7.30.2. Needs Node 20.18.1 or later, and npm.
#
# Behaviour: a server may redirect a client to the URL that it has just asked for, for
# example with a new cookie or after a wait: Location may be any reference (RFC 9110
# §10.2.2), and a client detects cyclical redirections (§15.4), which a single one is
# not. undici's fetch follows such a 307. undici's request with the redirect interceptor
# rejects the first one as a loop, however many redirects maxRedirections allows, and
# calls it a cross-origin redirect. A 307 to another URL and back to the first is
# rejected, too.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

expected='fetch, same URL: 200 after 2 requests
request, another URL: 200 after 2 requests
request, same URL: UND_ERR_INVALID_ARG after 1 requests
request, there and back: UND_ERR_INVALID_ARG after 2 requests'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund undici@7.30.2
cat >run.mjs <<'END'
import { createServer } from "node:http";
import { Agent, fetch, interceptors, request } from "undici";

// Each path redirects some times, and then responds with 200.
const locations = { "/same": ["/same"], "/first": ["/second"], "/there": ["/back"], "/back": ["/there"] };
let left, requests;
const server = createServer((req, res) => {
  requests++;
  const location = left[req.url]?.shift();
  if (location) {
    res.writeHead(307, { location });
  }
  res.end();
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const site = `http://127.0.0.1:${server.address().port}`;
const dispatcher = new Agent().compose(interceptors.redirect({ maxRedirections: 5 }));

async function show(name, send) {
  left = structuredClone(locations);
  requests = 0;
  const result = await send().catch((error) => error.code);
  console.log(`${name}: ${result} after ${requests} requests`);
}

const byFetch = async (path) => (await fetch(site + path)).status;
const byRequest = async (path) => (await request(site + path, { dispatcher })).statusCode;
await show("fetch, same URL", () => byFetch("/same"));
await show("request, another URL", () => byRequest("/first"));
await show("request, same URL", () => byRequest("/same"));
await show("request, there and back", () => byRequest("/there"));
process.exit();
END
got=$(node run.mjs)
if [[ $got != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\nGot:\n%s\n' "$expected" "$got" >&2
  exit 1
fi
echo "$got"
