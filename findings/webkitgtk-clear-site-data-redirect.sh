#!/usr/bin/env bash
# Packages: Debian 12's webkit2gtk-driver 2.50.6-1~deb12u2 (WebKitGTK, with its
# MiniBrowser and WebKitWebDriver) and xvfb. Needs root, python3 and openssl. The
# browser is installed into the system, since it does not run from another folder.
#
# Behaviour: a response with Clear-Site-Data: "cache" makes WebKitGTK drop the pages
# that it keeps in memory for the Back button, so that it loads them again. If the
# response is a redirect, WebKitGTK ignores the header. Chromium 156 and Firefox 153
# heed it there, too.
#
# Output seen: the lines in "expected" below, with the number of times that the
# browser has loaded a page to which it goes back.
set -euo pipefail

version=2.50.6-1~deb12u2
expected='fetch, 204 without the header: 1
fetch, 204 with the header: 2
form, 200 with the header: 2
form, 303 with the header: 1'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

installed=$(dpkg-query -W -f '${Version}' webkit2gtk-driver xvfb 2>/dev/null || true)
if [[ $installed != "$version"* || ! -x /usr/bin/Xvfb ]]; then
  {
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "webkit2gtk-driver=$version" xvfb
  } >apt.log 2>&1 || {
    cat apt.log >&2
    exit 1
  }
fi
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>/dev/null

cat >back.py <<'END'
import http.server, json, os, socket, ssl, subprocess, threading, time, urllib.request

loads = 0


class Site(http.server.BaseHTTPRequestHandler):
    def respond(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        global loads
        if self.path == "/page":
            loads += 1
        self.respond(200, b"<form method=post></form>")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        evict = {"Clear_Site_Data": '"cache"'}
        match self.path:
            case "/204":
                self.respond(204)
            case "/204-evict":
                self.respond(204, **evict)
            case "/200-evict":
                self.respond(200, b"out", **evict)
            case "/303-evict":
                self.respond(303, Location="/out", **evict)

    def log_message(self, *args):
        pass


def command(path, body=None, method="POST"):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(driver + path, data, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["value"]


def run(script):
    return command(f"/session/{session}/execute/sync", {"script": script, "args": []})


def visit(path):
    command(f"/session/{session}/url", {"url": site + path})


def measure(name, act, back):
    global loads
    loads = 0
    visit("/page")
    visit("/next")
    run(act)
    time.sleep(2)
    run(f"history.go({back})")
    time.sleep(2)
    print(f"{name}: {loads}")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
site = f"https://127.0.0.1:{server.server_port}"

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
driver = f"http://127.0.0.1:{port}"
read, write = os.pipe()
display = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-nolisten", "tcp", "-noreset"], pass_fds=[write], stderr=subprocess.DEVNULL)
environment = dict(os.environ, DISPLAY=":" + os.read(read, 10).decode().strip(), HOME=os.getcwd())
browser = subprocess.Popen(["WebKitWebDriver", "--host=127.0.0.1", f"--port={port}"], env=environment, stderr=subprocess.DEVNULL)
try:
    for _ in range(100):
        try:
            command("/status", method="GET")
            break
        except OSError:
            time.sleep(0.1)
    session = command("/session", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})["sessionId"]
    submit = "const form = document.forms[0]; form.action = '/%s'; form.submit()"
    measure("fetch, 204 without the header", "return fetch('/204', { method: 'POST' }).then(() => '')", -1)
    measure("fetch, 204 with the header", "return fetch('/204-evict', { method: 'POST' }).then(() => '')", -1)
    measure("form, 200 with the header", submit % "200-evict", -2)
    measure("form, 303 with the header", submit % "303-evict", -2)
finally:
    for program in (display, browser):
        program.kill()
        program.wait()
END
got=$(python3 back.py)
if [[ $got != "$expected" ]]; then
  printf 'the behaviour has changed; expected:\n%s\ngot:\n%s\n' "$expected" "$got" >&2
  exit 1
fi
echo "$got"
