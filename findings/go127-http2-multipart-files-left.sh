#!/usr/bin/env bash
# Packages: the Go standard library of go1.26.8 and of go1.27.4.
#
# Behaviour: a handler parses a multipart form with a file above its memory limit,
# so net/http stores the file in the temporary directory. After the handler net/http
# removes it: with HTTP/1.1 in both versions, with HTTP/2 in go1.26.8 only. In
# go1.27.4 the file stays.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

expected='go1.26.8 HTTP/1.1: 0 files left
go1.26.8 HTTP/2.0: 0 files left
go1.27.4 HTTP/1.1: 0 files left
go1.27.4 HTTP/2.0: 1 files left'

cat >go.mod <<'END'
module example

go 1.25
END
cat >main.go <<'END'
package main

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
)

func main() {
	for _, http2 := range []bool{false, true} {
		directory, err := os.MkdirTemp(os.Args[1], "uploads")
		check(err)
		check(os.Setenv("TMPDIR", directory))
		proto := upload(http2)
		files, err := os.ReadDir(directory)
		check(err)
		fmt.Printf("%s %s: %d files left\n", runtime.Version(), proto, len(files))
	}
}

func upload(http2 bool) (proto string) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		check(r.ParseMultipartForm(1 << 10))
		fmt.Fprint(w, r.Proto)
	}))
	server.EnableHTTP2 = http2
	server.StartTLS()
	defer server.Close() // waits for the end of the request
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "photo")
	check(err)
	_, err = file.Write(make([]byte, 100<<10))
	check(err)
	check(form.Close())
	res, err := server.Client().Post(server.URL, form.FormDataContentType(), &body)
	check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	check(err)
	return string(text)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END

seen=$(for version in go1.26.8 go1.27.4; do GOTOOLCHAIN=$version go run . "$folder"; done)
echo "$seen"
[[ $seen == "$expected" ]] || {
  echo "the behaviour has changed; expected:" >&2
  echo "$expected" >&2
  exit 1
}
