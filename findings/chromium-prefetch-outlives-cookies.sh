#!/usr/bin/env bash
# Package: Debian 12's chromium 156.0.8078.114-1~deb12u1, driven by puppeteer-core 24.43.1.
# Needs root, Node 18 or later, and npm. The browser is installed into the system.
#
# Behaviour: a response with "Cache-Control: no-store" and "Vary: Cookie" must not be used
# again for a request with other cookies (RFC 9111 §4.1, §5.2.2.5). Chromium shows such a
# page that speculation rules have fetched in advance, also a redirect, after the cookies
# have changed. It asks again if the response to the change has Clear-Site-Data with
# "prefetchCache" or "cache", or if the status of the page was 401.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

chromium=156.0.8078.114-1~deb12u1
expected='page: shown as for no user
redirect: shown as for no user
401: asked again
page, then "prefetchCache": asked again
redirect, then "prefetchCache": asked again
page, then "cache": asked again'

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
npm install --silent --no-audit --no-fund puppeteer-core@24.43.1
cat >run.mjs <<'END'
import { once } from "node:events";
import { createServer } from "node:http";
import puppeteer from "puppeteer-core";

let fetched; // is called with each request in advance
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://127.0.0.1");
  response.setHeader("Content-Type", "text/html");
  response.setHeader("Cache-Control", "no-store");
  response.setHeader("Vary", "Cookie");
  if (pathname === "/sign-in") {
    response.setHeader("Set-Cookie", "user=ann");
    if (searchParams.has("clear")) response.setHeader("Clear-Site-Data", `"${searchParams.get("clear")}"`);
  }
  const user = /user=(\w+)/.exec(request.headers.cookie ?? "")?.[1] ?? "no user";
  if (user === "no user" && pathname === "/redirect") response.writeHead(303, { Location: "/form" });
  if (user === "no user" && pathname === "/401") response.writeHead(401);
  response.end(`<!doctype html><p>${user}`);
  if (request.headers["sec-purpose"] && pathname !== "/form") response.once("finish", fetched);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const site = `http://127.0.0.1:${server.address().port}`;

const browser = await puppeteer.launch({
  browser: "chrome", executablePath: "/usr/bin/chromium", headless: true,
  args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
});
for (const [path, clear] of [["page"], ["redirect"], ["401"], ["page", "prefetchCache"], ["redirect", "prefetchCache"], ["page", "cache"]]) {
  const profile = await browser.createBrowserContext();
  const page = await profile.newPage();
  await page.goto(`${site}/start`);
  const inAdvance = new Promise((resolve) => (fetched = resolve));
  await page.evaluate((url) => {
    const rules = document.createElement("script");
    rules.type = "speculationrules";
    rules.textContent = JSON.stringify({ prefetch: [{ source: "list", urls: [url], eagerness: "immediate" }] });
    document.head.append(rules);
  }, `/${path}`);
  await inAdvance;
  await new Promise((done) => setTimeout(done, 500)); // until the browser has the response
  const other = await profile.newPage();
  await other.goto(`${site}/sign-in${clear ? `?clear=${clear}` : ""}`);
  await other.close();
  await page.evaluate((url) => { setTimeout(() => { location = url; }); }, `/${path}`);
  await new Promise((done) => setTimeout(done, 1500)); // until the page is shown
  const shown = await page.evaluate(() => document.querySelector("p").textContent);
  console.log(`${path}${clear ? `, then "${clear}"` : ""}: ${shown === "ann" ? "asked again" : `shown as for ${shown}`}`);
  await profile.close();
}
await browser.close();
process.exit();
END
got=$(node run.mjs)
if [[ $got != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\nGot:\n%s\n' "$expected" "$got" >&2
  exit 1
fi
echo "$got"
