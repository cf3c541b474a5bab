package middleware_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// An upgrade request without a session gets an ordinary error response. The
// handler does not run.
func TestUpgradeWithoutSession(t *testing.T) {
	tests := []struct {
		name    string
		cookies func(e *env) (jwt, refresh string)
		want    string
	}{
		{name: "no cookies", cookies: func(*env) (string, string) { return "", "" }, want: "401 kept"},
		{name: "first refusal", cookies: func(*env) (string, string) { return "", "unknown" }, want: "503 kept retry 1 marked"},
		{name: "unavailable", cookies: func(e *env) (string, string) { defer e.fake.Down(); return e.expired() }, want: "503 kept retry 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			must(t, e.client.Preload(t.Context()))
			server, _ := e.site(t, func(w http.ResponseWriter, _ *http.Request) {
				t.Error("the handler ran")
				upgrade(t, w)
			})
			jwt, refresh := test.cookies(e)
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
			if got := testkit.ResponseOutcome(t, res); got != test.want {
				t.Errorf("response: %s, want %s", got, test.want)
			}
		})
	}
}

// A client that offers HTTP/2 or TLS over plain http, as those for Java do, gets an
// ordinary response, and takes its cookies.
func TestOfferOfAnotherTransport(t *testing.T) {
	tests := []struct {
		name    string
		upgrade []string
		want    string // outcome of a navigation without a session
		lost    bool   // the cookies of a renewal do not count
	}{
		{name: "HTTP/2", upgrade: []string{"h2c"}, want: "303 kept"},
		{name: "HTTP/2, in capitals", upgrade: []string{"H2C"}, want: "303 kept"},
		{name: "TLS", upgrade: []string{"TLS/1.2, TLS/1.3"}, want: "303 kept"},
		{name: "WebSocket", upgrade: []string{"websocket"}, want: "401 kept", lost: true},
		{name: "both", upgrade: []string{"h2c, websocket"}, want: "401 kept", lost: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			h := e.require(signIn(t, "/login"))(showUser)
			r := get("/private", "", "")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header["Upgrade"] = test.upgrade
			res, _ := serve(h, r)
			if diff := cmp.Diff(test.want, testkit.ResponseOutcome(t, res)); diff != "" {
				t.Errorf("without a session (-want +got):\n%s", diff)
			}
			jwt, refresh := e.expired()
			r = get("/private", jwt, refresh)
			r.Header["Upgrade"] = test.upgrade
			res, _ = serve(h, r)
			if diff := cmp.Diff("200 renewed", testkit.ResponseOutcome(t, res)); diff != "" {
				t.Errorf("renewal (-want +got):\n%s", diff)
			}
			isLost := func(o event.Outcome) bool { return o == event.NotDelivered }
			if lost := slices.ContainsFunc(e.outcomes, isLost); lost != test.lost {
				t.Errorf("the cookies do not count: %t, want %t", lost, test.lost)
			}
		})
	}
}

// The first event arrives over HTTP/2, too, while the handler is still running.
func TestFlushOverHTTP2(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	seen := make(chan struct{})
	server := httptest.NewUnstartedServer(e.require(middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	jwt, refresh := e.expired()
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
	if got := testkit.ResponseOutcome(t, res) + " " + first + string(rest); got != "200 renewed one\nHTTP/2.0" {
		t.Errorf("response: %q", got)
	}
}

// Forwarded headers and Origin do not change a response, and no response allows
// another origin to read it.
func TestForwardedHeadersAndCORS(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	jwt, refresh := e.expired()
	r := get("/me", jwt, refresh)
	for name, value := range map[string]string{
		"Forwarded": "host=evil.example;proto=http", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http",
		"X-Forwarded-For": "127.0.0.1", "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site",
	} {
		r.Header.Set(name, value)
	}
	res, _ := serve(e.require(middleware.Config{})(showUser), r)
	if got := testkit.ResponseOutcome(t, res); got != "200 renewed" {
		t.Errorf("response: %s", got)
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
