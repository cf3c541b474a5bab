#!/usr/bin/env bash
# Package: github.com/klauspost/compress v1.19.2 (gzhttp), with net/http of Go 1.27.4.
#
# Behaviour: a handler sets its header and flushes, so that the client sees the header,
# and sends the first byte of the body later, as many event streams do. Inside gzhttp
# this flush does nothing and returns no error: the header leaves with the first byte. A
# flush after the first byte works.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOTOOLCHAIN=go1.27.4

expected='net/http: flush error <nil>, header before the body true
gzhttp: flush error <nil>, header before the body false'

cat >go.mod <<'END'
module example

go 1.27

require github.com/klauspost/compress v1.19.2
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

func main() {
	run("net/http", func(h http.Handler) http.Handler { return h })
	run("gzhttp", func(h http.Handler) http.Handler { return gzhttp.GzipHandler(h) })
}

func run(name string, around func(http.Handler) http.Handler) {
	received := make(chan struct{})
	early := false
	var flushed error
	server := httptest.NewServer(around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		flushed = http.NewResponseController(w).Flush()
		select {
		case <-received:
			early = true
		case <-time.After(2 * time.Second):
		}
		fmt.Fprint(w, "data: hello\n\n")
	})))
	defer server.Close()
	res, err := http.Get(server.URL) // it accepts gzip
	check(err)
	defer res.Body.Close()
	close(received)
	_, err = io.Copy(io.Discard, res.Body)
	check(err)
	fmt.Printf("%s: flush error %v, header before the body %t\n", name, flushed, early)
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
