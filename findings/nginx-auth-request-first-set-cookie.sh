#!/usr/bin/env bash
# Package: nginx 1.22.1-9+deb12u11 of Debian 12.
#
# Behaviour: a response may have several Set-Cookie lines, and they cannot be joined
# (RFC 6265 §3). proxy_pass hands all of them on. In the response to an auth_request,
# $upstream_http_set_cookie holds the first line only, and nothing reports the others:
# a session whose two cookies are renewed by the authorization server arrives in half.
# A header with a name of its own arrives.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$(cat "$folder/pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$folder"' EXIT
chmod 755 "$folder" # the workers of nginx are another user
cd "$folder"

expected='nginx version: nginx/1.22.1
proxied: Set-Cookie: one=1
proxied: Set-Cookie: two=2
authorized: Set-Cookie: one=1
authorized: X-Second: two=2'

apt-get download -q nginx=1.22.1-9+deb12u11 >/dev/null 2>&1
dpkg -x nginx_*.deb package
nginx=package/usr/sbin/nginx

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
    listen unix:$folder/authorization.sock;
    location / {
      add_header Set-Cookie one=1;
      add_header Set-Cookie two=2;
      add_header X-Set-Cookie-2 two=2;
      return 200;
    }
  }
  server {
    listen unix:$folder/site.sock;
    location /proxied { proxy_pass http://unix:$folder/authorization.sock; }
    location = /authorize { internal; proxy_pass http://unix:$folder/authorization.sock; }
    location /authorized {
      auth_request /authorize;
      auth_request_set \$cookies \$upstream_http_set_cookie;
      auth_request_set \$second \$upstream_http_x_set_cookie_2;
      add_header Set-Cookie \$cookies;
      add_header X-Second \$second;
      try_files /none @site;
    }
    location @site {
      add_header Set-Cookie \$cookies;
      add_header X-Second \$second;
      return 204;
    }
  }
}
END

"$nginx" -p "$folder" -c "$folder/nginx.conf"
got=$(
  "$nginx" -v 2>&1
  for path in proxied authorized; do
    curl -sS -D - -o /dev/null --unix-socket site.sock "http://localhost/$path" | tr -d '\r' |
      sed -n "s/^\(Set-Cookie\|X-Second\):/$path: &/p"
  done
)
if [[ $got != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\nGot:\n%s\n' "$expected" "$got" >&2
  exit 1
fi
echo "$got"
