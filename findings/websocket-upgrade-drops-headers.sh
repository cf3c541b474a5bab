#!/usr/bin/env bash
# Packages: github.com/coder/websocket v1.8.15, github.com/gorilla/websocket v1.5.3,
# github.com/gobwas/ws v1.5.0, golang.org/x/net v0.62.0 (websocket),
# github.com/lxzan/gws v1.8.9.
#
# Behaviour: a middleware has added two Set-Cookie lines to w.Header() before the
# handler upgrades the request. net/http sends such headers with every response of
# its own. The upgrade takes over the connection, and most of these libraries write
# a 101 without them. gws loses one of two lines even where it is given the header.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

expected='coder Accept(w, r, nil): 101, 2 of 2
gorilla Upgrade(w, r, nil): 101, 0 of 2
gorilla Upgrade(w, r, w.Header()): 101, 2 of 2
gobwas UpgradeHTTP(r, w): 101, 0 of 2
gobwas HTTPUpgrader{Header: w.Header()}: 101, 2 of 2
x/net Handler: 101, 0 of 2
x/net Server, config.Header = w.Header(): 101, 2 of 2
gws Upgrade(w, r): 101, 0 of 2
gws ServerOption{ResponseHeader: w.Header()}: 101, 1 of 2'

cat >go.mod <<'END'
module example

go 1.26

require (
	github.com/coder/websocket v1.8.15
	github.com/gobwas/ws v1.5.0
	github.com/gorilla/websocket v1.5.3
	github.com/lxzan/gws v1.8.9
	golang.org/x/net v0.62.0
)
END
cat >main.go <<'END'
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"

	coder "github.com/coder/websocket"
	gobwas "github.com/gobwas/ws"
	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"
	xnet "golang.org/x/net/websocket"
)

// The handlers upgrade a request. The middleware around them has set two cookies.
var handlers = []struct {
	name    string
	upgrade http.HandlerFunc
}{
	{"coder Accept(w, r, nil)", func(w http.ResponseWriter, r *http.Request) {
		conn, err := coder.Accept(w, r, nil)
		check(err)
		_ = conn.CloseNow()
	}},
	{"gorilla Upgrade(w, r, nil)", func(w http.ResponseWriter, r *http.Request) {
		var u gorilla.Upgrader
		conn, err := u.Upgrade(w, r, nil)
		check(err)
		_ = conn.Close()
	}},
	{"gorilla Upgrade(w, r, w.Header())", func(w http.ResponseWriter, r *http.Request) {
		var u gorilla.Upgrader
		conn, err := u.Upgrade(w, r, w.Header())
		check(err)
		_ = conn.Close()
	}},
	{"gobwas UpgradeHTTP(r, w)", func(w http.ResponseWriter, r *http.Request) {
		conn, _, _, err := gobwas.UpgradeHTTP(r, w)
		check(err)
		_ = conn.Close()
	}},
	{"gobwas HTTPUpgrader{Header: w.Header()}", func(w http.ResponseWriter, r *http.Request) {
		conn, _, _, err := gobwas.HTTPUpgrader{Header: w.Header()}.Upgrade(r, w)
		check(err)
		_ = conn.Close()
	}},
	{"x/net Handler", func(w http.ResponseWriter, r *http.Request) {
		xnet.Handler(func(*xnet.Conn) {}).ServeHTTP(w, r)
	}},
	{"x/net Server, config.Header = w.Header()", func(w http.ResponseWriter, r *http.Request) {
		xnet.Server{
			Handshake: func(c *xnet.Config, _ *http.Request) error { c.Header = w.Header(); return nil },
			Handler:   func(*xnet.Conn) {},
		}.ServeHTTP(w, r)
	}},
	{"gws Upgrade(w, r)", func(w http.ResponseWriter, r *http.Request) {
		conn, err := gws.NewUpgrader(new(gws.BuiltinEventHandler), nil).Upgrade(w, r)
		check(err)
		_ = conn.NetConn().Close()
	}},
	{"gws ServerOption{ResponseHeader: w.Header()}", func(w http.ResponseWriter, r *http.Request) {
		conn, err := gws.NewUpgrader(new(gws.BuiltinEventHandler), &gws.ServerOption{ResponseHeader: w.Header()}).Upgrade(w, r)
		check(err)
		_ = conn.NetConn().Close()
	}},
}

func main() {
	for _, h := range handlers {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "one", Value: "1"})
			http.SetCookie(w, &http.Cookie{Name: "two", Value: "2"})
			h.upgrade(w, r)
		}))
		res := handshake(server)
		fmt.Printf("%s: %d, %d of 2\n", h.name, res.StatusCode, len(res.Header["Set-Cookie"]))
		server.Close()
	}
}

// handshake sends the opening handshake of RFC 6455, section 1.2.
func handshake(server *httptest.Server) *http.Response {
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	check(err)
	defer func() { _ = conn.Close() }()
	r, err := http.NewRequest(http.MethodGet, server.URL+"/chat", nil)
	check(err)
	for name, value := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Origin": server.URL,
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
	} {
		r.Header.Set(name, value)
	}
	check(r.Write(conn))
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	check(err)
	return res
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END

go mod tidy >log 2>&1 || { cat log; exit 1; }
seen=$(go run .)
echo "$seen"
if [[ $seen != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
