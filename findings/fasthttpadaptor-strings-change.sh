#!/usr/bin/env bash
# Packages: github.com/gofiber/fiber/v2 v2.52.15 with github.com/valyala/fasthttp
# v1.51.0, the version that it requires.
#
# Behaviour: a net/http handler behind Fiber's adaptor.HTTPHandler keeps the string
# of a request header, as a cache or a goroutine would. In net/http such a string
# never changes. Here it lies in the memory of the request, which fasthttp uses for
# the next one: the kept string then shows the header of another request.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

expected='kept during request 1: name=ann
kept after request 2:  name=bob'

cat >go.mod <<'END'
module example

go 1.25

require (
	github.com/gofiber/fiber/v2 v2.52.15
	github.com/valyala/fasthttp v1.51.0
)
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

func main() {
	var kept string
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kept == "" {
			kept = r.Header.Get("Cookie")
			fmt.Println("kept during request 1:", kept)
		}
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() { _ = app.Listener(listener) }()
	for _, cookie := range []string{"name=ann", "name=bob"} { // on one connection
		r, err := http.NewRequest(http.MethodGet, "http://"+listener.Addr().String()+"/", nil)
		check(err)
		r.Header.Set("Cookie", cookie)
		res, err := http.DefaultClient.Do(r)
		check(err)
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	fmt.Println("kept after request 2: ", kept)
	check(app.Shutdown())
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
