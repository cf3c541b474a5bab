#!/usr/bin/env bash
# Package: net/http/fcgi of Go 1.27.4, behind nginx 1.22.1-9+deb12u11 of Debian 12.
#
# Behaviour: a FastCGI server passes the type of a body in the parameter CONTENT_TYPE.
# nginx passes it a second time in HTTP_CONTENT_TYPE, as it does with each header.
# net/http/fcgi makes a value of the header Content-Type out of both, so that a handler
# sees two of them, which the browser has not sent. Request.RequestURI is empty.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$(cat "$folder/pid" 2>/dev/null)" "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
chmod 777 "$folder" # the workers of nginx are another user
cd "$folder"
export GOTOOLCHAIN=go1.27.4
server=

expected='Content-Type ["text/plain" "text/plain"]
RequestURI ""
URL.RequestURI "/form?a=1"'

cat >go.mod <<'END'
module example

go 1.27
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
)

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	check(err)
	check(os.Chmod(os.Args[1], 0o777))
	check(fcgi.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Content-Type %q\nRequestURI %q\nURL.RequestURI %q\n", r.Header["Content-Type"], r.RequestURI, r.URL.RequestURI())
	})))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
go build -o server . >log 2>&1 || { cat log; exit 1; }
./server "$folder/fcgi.sock" &
server=$!

apt-get download -q nginx=1.22.1-9+deb12u11 >/dev/null 2>&1
dpkg -x nginx_*.deb package
cat >nginx.conf <<END
daemon on;
pid $folder/pid;
error_log $folder/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  server {
    listen unix:$folder/site.sock;
    location / {
      # These lines are in the file fastcgi_params of the package.
      fastcgi_param QUERY_STRING    \$query_string;
      fastcgi_param REQUEST_METHOD  \$request_method;
      fastcgi_param CONTENT_TYPE    \$content_type;
      fastcgi_param CONTENT_LENGTH  \$content_length;
      fastcgi_param REQUEST_URI     \$request_uri;
      fastcgi_param SERVER_PROTOCOL \$server_protocol;
      fastcgi_pass unix:$folder/fcgi.sock;
    }
  }
}
END
package/usr/sbin/nginx -p "$folder" -c "$folder/nginx.conf"
until [[ -S fcgi.sock ]]; do sleep 0.1; done
seen=$(curl -sS --unix-socket "$folder/site.sock" -H 'Content-Type: text/plain' -d hello 'http://site/form?a=1')
echo "$seen"
if [[ $seen != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
