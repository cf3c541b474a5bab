#!/usr/bin/env bash
# Packages: Debian 12's chromium 156.0.8078.114-1~deb12u1 and firefox-esr
# 153.8.0esr-1~deb12u1, driven by puppeteer-core 24.43.1. Needs root, Node 18 or later,
# and npm. The browsers are installed into the system.
#
# Behaviour: a server may refuse the handshake of a WebSocket with any response, and that
# response may set cookies (RFC 6455 §4.1, RFC 6265 §3). Firefox stores them. Chromium
# stores the cookies of an accepted handshake and of a refusal with 401, and drops those of
# the other refusals that were tried.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

chromium=156.0.8078.114-1~deb12u1
firefox=153.8.0esr-1~deb12u1
expected='Chromium stores 101 401, drops 302 403 404 429 500 503
Firefox stores 101 302 401 403 404 429 500 503, drops none'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

installed=$(dpkg-query -W -f '${Version} ' chromium firefox-esr 2>/dev/null || true)
if [[ $installed != "$chromium $firefox " ]]; then
  {
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "chromium=$chromium" "firefox-esr=$firefox"
  } >apt.log 2>&1 || {
    cat apt.log >&2
    exit 1
  }
fi
npm install --silent --no-audit --no-fund puppeteer-core@24.43.1
cat >run.mjs <<'END'
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import puppeteer from "puppeteer-core";

const statuses = [101, 302, 401, 403, 404, 429, 500, 503];

// The path of a request is the status of its response, which sets a cookie of that name.
const server = createServer((_, response) => response.end("<!doctype html>"));
server.on("upgrade", (request, socket) => {
  const status = request.url.slice(1);
  const lines = [`HTTP/1.1 ${status} As Requested`, `Set-Cookie: c${status}=1`];
  if (status === "101") {
    const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    lines.push("Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}`);
  } else {
    lines.push("Content-Length: 0", "Connection: close");
  }
  socket.end(lines.join("\r\n") + "\r\n\r\n");
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const host = `127.0.0.1:${server.address().port}`;

for (const [name, options] of [
  ["Chromium", { browser: "chrome", executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"] }],
  ["Firefox", { browser: "firefox", executablePath: "/usr/bin/firefox-esr" }],
]) {
  const browser = await puppeteer.launch({ headless: true, ...options });
  try {
    const page = await browser.newPage();
    await page.goto(`http://${host}/`);
    for (const status of statuses) {
      await page.evaluate((url) => new Promise((done) => (new WebSocket(url).onclose = done)), `ws://${host}/${status}`);
    }
    const stored = await page.evaluate(() => document.cookie.split("; ").map((cookie) => cookie.slice(1, 4)));
    const dropped = statuses.filter((status) => !stored.includes(String(status)));
    console.log(`${name} stores ${stored.sort().join(" ")}, drops ${dropped.join(" ") || "none"}`);
  } finally {
    await browser.close();
  }
}
process.exit();
END
got=$(node run.mjs)
if [[ $got != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\nGot:\n%s\n' "$expected" "$got" >&2
  exit 1
fi
echo "$got"
