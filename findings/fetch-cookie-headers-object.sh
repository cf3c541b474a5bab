#!/usr/bin/env bash
# Packages: fetch-cookie 3.2.0 and tough-cookie 6.1.0. Needs Node 20 or later, and npm.
#
# Behaviour: after a redirect, a request carries the cookies that the jar has then (RFC
# 6265 §5.4). fetch-cookie does so if the headers of the call are a plain object or an
# array. If they are a Headers object, it adds the cookies to that object of the caller:
# the request after the redirect carries the cookies of the first request as well, also
# one that the redirect has replaced or deleted, and so does the next call with the same
# object.
#
# Output seen: the lines in "expected" below, with the Cookie header after a redirect
# that has replaced the cookie a and deleted the cookie b.
set -euo pipefail

expected='plain object: a=new
array: a=new
Headers: a=old; b=old; a=new
Headers, next call: a=old; b=old; a=new; a=new'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund fetch-cookie@3.2.0 tough-cookie@6.1.0
cat >run.mjs <<'END'
import { createServer } from "node:http";
import makeFetchCookie from "fetch-cookie";
import { CookieJar } from "tough-cookie";

const server = createServer((req, res) => {
  switch (req.url) {
    case "/sign-in":
      res.setHeader("Set-Cookie", ["a=old", "b=old"]);
      break;
    case "/renew":
      res.writeHead(307, { location: "/page", "Set-Cookie": ["a=new", "b=; Max-Age=0"] });
      break;
  }
  res.end(req.headers.cookie);
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const site = `http://127.0.0.1:${server.address().port}`;

async function signedIn() {
  const fetchCookie = makeFetchCookie(fetch, new CookieJar());
  await fetchCookie(site + "/sign-in");
  return fetchCookie;
}

async function show(name, fetchCookie, path, headers) {
  console.log(`${name}: ${await (await fetchCookie(site + path, { headers })).text()}`);
}

await show("plain object", await signedIn(), "/renew", { accept: "text/plain" });
await show("array", await signedIn(), "/renew", [["accept", "text/plain"]]);
const headers = new Headers({ accept: "text/plain" });
const fetchCookie = await signedIn();
await show("Headers", fetchCookie, "/renew", headers);
await show("Headers, next call", fetchCookie, "/page", headers);
process.exit();
END
got=$(node run.mjs)
if [[ $got != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\nGot:\n%s\n' "$expected" "$got" >&2
  exit 1
fi
echo "$got"
