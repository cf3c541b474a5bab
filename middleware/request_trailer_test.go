package middleware_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// A handler sees the trailers of its request, also those that the request has not
// declared. net/http adds them to the request outside of the middleware.
func TestRequestTrailers(t *testing.T) {
	for _, declared := range []string{"", "Trailer: X-Sum\r\n"} {
		t.Run(fmt.Sprintf("%q", declared), func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			server, r := e.site(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("X-Got", r.Trailer.Get("X-Sum"))
			})
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			must(t, err)
			defer func() { _ = conn.Close() }()
			_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: app.example\r\nCookie: %s\r\n%sTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 42\r\n\r\n", r.Header.Get("Cookie"), declared)
			must(t, err)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			must(t, err)
			defer func() { _ = res.Body.Close() }()
			if got := res.Header.Get("X-Got"); got != "42" {
				t.Errorf("trailer %q, want 42", got)
			}
		})
	}
}
