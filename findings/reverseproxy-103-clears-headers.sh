#!/usr/bin/env bash
# Package: net/http/httputil of Go 1.27.4.
#
# Behaviour: a middleware adds a header to w.Header() before a ReverseProxy runs.
# The proxy adds the headers of the backend to it, and both arrive. If the backend
# sends "103 Early Hints" before its response, the proxy clears w.Header() after
# forwarding the 103: the header of the middleware arrives with the 103 and is
# missing in the final response.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export GOTOOLCHAIN=go1.27.4

expected='backend without 103: 200 Set-Cookie ["outer=1" "backend=2"]
backend with 103: 103 Set-Cookie ["outer=1"]
backend with 103: 200 Set-Cookie ["backend=2"]'

cat >go.mod <<'END'
module example

go 1.27
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
)

func main() {
	for _, hints := range []bool{false, true} {
		name := "backend without 103"
		if hints {
			name = "backend with 103"
		}
		run(name, hints)
	}
}

func run(name string, hints bool) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hints {
			w.WriteHeader(http.StatusEarlyHints)
		}
		w.Header().Add("Set-Cookie", "backend=2")
		fmt.Fprint(w, "hello")
	}))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	check(err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "outer=1")
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	r, err := http.NewRequest(http.MethodGet, front.URL, nil)
	check(err)
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			fmt.Printf("%s: %d Set-Cookie %q\n", name, code, header["Set-Cookie"])
			return nil
		},
	}))
	res, err := front.Client().Do(r)
	check(err)
	defer res.Body.Close()
	fmt.Printf("%s: %d Set-Cookie %q\n", name, res.StatusCode, res.Header["Set-Cookie"])
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
