#!/usr/bin/env bash
# Package: Debian 12's chromium 156.0.8078.114-1~deb12u1. Needs root and Node 18 or later.
# The browser is installed into the system.
#
# Behaviour: a browser keeps a cookie with Max-Age when it ends (RFC 6265 §5.3). Chromium
# first keeps a new cookie in memory only, and writes it to disk after up to 30 s. If its
# processes are killed before, as by the system of a phone or by a loss of power, the next
# start has the cookies of before. With refresh tokens that work once, the browser then has
# a used one.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

chromium=156.0.8078.114-1~deb12u1
expected='killed after 5 s: the cookie is forgotten
killed after 20 s: the cookie is forgotten
killed after 40 s: the cookie is kept'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

installed=$(dpkg-query -W -f '${Version}' chromium 2>/dev/null || true)
if [[ $installed != "$chromium" ]]; then
  {
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "chromium=$chromium"
  } >apt.log 2>&1 || {
    cat apt.log >&2
    exit 1
  }
fi
cat >run.mjs <<'END'
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

// Each request gets a cookie. The first one of a start shows what the browser has stored.
let arrived;
const server = createServer((request, response) => {
  response.setHeader("Set-Cookie", "c=1; Max-Age=86400; Path=/");
  response.end("<!doctype html>");
  if (request.url === "/") arrived(request.headers.cookie === "c=1");
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

// start opens the page and kills the browser some seconds later. It returns whether the
// browser had the cookie before.
async function start(profile, seconds) {
  const hadCookie = new Promise((resolve) => (arrived = resolve));
  const browser = spawn("/usr/bin/chromium", [
    "--headless=new", "--no-sandbox", "--no-first-run", "--no-proxy-server", "--password-store=basic", "--disable-background-networking",
    "--disable-component-update", `--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/`,
  ], { stdio: "ignore", detached: true });
  const ended = once(browser, "exit");
  const had = await hadCookie;
  await sleep(1000 * seconds);
  process.kill(-browser.pid, "SIGKILL"); // with its children
  await ended;
  await sleep(1000);
  return had;
}

for (const seconds of [5, 20, 40]) {
  const profile = `${process.cwd()}/profile${seconds}`;
  await start(profile, seconds);
  console.log(`killed after ${seconds} s: the cookie is ${(await start(profile, 0)) ? "kept" : "forgotten"}`);
}
process.exit();
END
got=$(node run.mjs)
if [[ $got != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\nGot:\n%s\n' "$expected" "$got" >&2
  exit 1
fi
echo "$got"
