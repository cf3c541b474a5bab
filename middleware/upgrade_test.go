package middleware_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// Who asks for another protocol and has no session gets an ordinary answer:
// the handler never sees the connection.
func TestUpgradeWithoutSession(t *testing.T) {
	tests := map[string]struct {
		bring func(k *kit) (jwt, refresh string)
		want  string
	}{
		"nothing":   {func(*kit) (string, string) { return "", "" }, "401 kept"},
		"refused":   {func(*kit) (string, string) { return "", "dead" }, "401 cleared"},
		"undecided": {func(k *kit) (string, string) { defer k.fake.Down(); return k.expired() }, "503 kept retry 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{})
			must(t, k.client.Preload(t.Context()))
			server, _ := k.site(t, func(w http.ResponseWriter, _ *http.Request) {
				t.Error("the handler ran")
				upgrade(t, w)
			})
			jwt, refresh := test.bring(k)
			r := get(server.URL+"/", jwt, refresh)
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "echo")
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			must(t, err)
			defer func() { _ = conn.Close() }()
			must(t, r.Write(conn))
			res, err := http.ReadResponse(bufio.NewReader(conn), r)
			must(t, err)
			defer func() { _ = res.Body.Close() }()
			if got := verdict(t, res); got != test.want {
				t.Errorf("answer: %s, want %s", got, test.want)
			}
		})
	}
}

// WebSocket over HTTP/2 begins with CONNECT and has no header Upgrade: such an
// answer may be unable to carry cookies, too.
func TestNoEarlyRefreshForCONNECT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, crossminttest.Config{InMemory: true, JWTLifetime: 10 * time.Minute}, session.Config{})
		must(t, k.client.Preload(t.Context()))
		jwt, refresh := k.valid()
		time.Sleep(575 * time.Second)
		r := get("/chat", jwt, refresh)
		r.Method = http.MethodConnect
		res, _ := serve(k.require(middleware.Config{})(whoami), r)
		if got := verdict(t, res); got != "200 kept" || k.fake.Calls().Refresh != 0 {
			t.Errorf("%s, upstream was asked %d times", got, k.fake.Calls().Refresh)
		}
	})
}

// The first event arrives over HTTP/2, too, while the handler is still at it.
func TestFlushOverHTTP2(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	seen := make(chan struct{})
	server := httptest.NewUnstartedServer(k.require(middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "one\n")
		w.(http.Flusher).Flush()
		select {
		case <-seen:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, r.Proto)
	})))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	jwt, refresh := k.expired()
	r := get(server.URL+"/", jwt, refresh)
	r.RequestURI = ""
	res, err := server.Client().Do(r)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	body := bufio.NewReader(res.Body)
	first, err := body.ReadString('\n')
	must(t, err)
	close(seen)
	rest, err := io.ReadAll(body)
	must(t, err)
	if got := verdict(t, res) + " " + first + string(rest); got != "200 renewed one\nHTTP/2.0" {
		t.Errorf("answer: %q", got)
	}
}

// Neither what a proxy says of the host and the scheme nor an origin changes
// an answer, and no other origin is given leave to read it.
func TestForwardedHeadersAndCORS(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	jwt, refresh := k.expired()
	r := get("/me", jwt, refresh)
	for name, value := range map[string]string{
		"Forwarded": "host=evil.example;proto=http", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http",
		"X-Forwarded-For": "127.0.0.1", "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site",
	} {
		r.Header.Set(name, value)
	}
	res, _ := serve(k.require(middleware.Config{})(whoami), r)
	if got := verdict(t, res); got != "200 renewed" {
		t.Errorf("answer: %s", got)
	}
	for _, c := range res.Cookies() {
		if !c.Secure || c.Domain != "" {
			t.Errorf("attributes of %s", c.Raw)
		}
	}
	for name := range res.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("CORS header %s", name)
		}
	}
}
