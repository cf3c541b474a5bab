package warn_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/internal/warn"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

func TestPlainHTTP(t *testing.T) {
	const secure, insecure = "a=b; Path=/; Secure; HttpOnly", "a=b; Path=/; HttpOnly"
	tests := []struct {
		name   string
		url    string
		header http.Header
		cookie string
		want   bool
	}{
		{name: "plain http", url: "http://app.example:8080/", cookie: secure, want: true},
		{name: "local network", url: "http://192.168.1.7/", cookie: secure, want: true},
		{name: "forwarded plain http", url: "http://app.example/", header: http.Header{"X-Forwarded-Proto": {"http"}, "Forwarded": {"proto=http"}}, cookie: secure, want: true},
		{name: "form over plain http", url: "http://app.example/", header: http.Header{"Origin": {"http://app.example"}}, cookie: secure, want: true},
		{name: "no cookie", url: "http://app.example/"},
		{name: "InsecureAllowHTTP", url: "http://app.example/", cookie: insecure},
		{name: "https", url: "https://app.example/", cookie: secure},
		{name: "localhost", url: "http://localhost:3000/", cookie: secure},
		{name: "IPv4 loopback", url: "http://127.0.0.1:3000/", cookie: secure},
		{name: "IPv6 loopback", url: "http://[::1]:3000/", cookie: secure},
		{name: "proxy with X-Forwarded-Proto", url: "http://backend/", header: http.Header{"X-Forwarded-Proto": {"HTTPS, http"}}, cookie: secure},
		{name: "proxy for WebSockets", url: "http://backend/", header: http.Header{"X-Forwarded-Proto": {"wss"}}, cookie: secure},
		{name: "proxy with Forwarded", url: "http://backend/", header: http.Header{"Forwarded": {`for=_a;Proto="https"`}}, cookie: secure},
		{name: "browser with Fetch metadata", url: "http://backend/", header: http.Header{"Sec-Fetch-Site": {"none"}}, cookie: secure},
		{name: "form of a page over https", url: "http://backend/", header: http.Header{"Origin": {"https://app.example"}}, cookie: secure},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := testkit.New(t, testkit.Config{})
			warnings := warn.Warnings{Sessions: k.Manager, Op: "refresh"}
			r := httptest.NewRequest(http.MethodGet, test.url, nil)
			for name, values := range test.header {
				r.Header[name] = values
			}
			response := http.Header{"Set-Cookie": {insecure, test.cookie}}
			warnings.PlainHTTP(r, response)
			warnings.PlainHTTP(r, response)
			if want := map[bool]int{true: 1}[test.want]; k.Count(event.Misconfigured) != want {
				t.Errorf("%d warnings, want %d", k.Count(event.Misconfigured), want)
			}
		})
	}
}

// TestWarningsAreApart checks that one mistake does not hide another, and that a
// client cannot put control characters or a long string into a log.
func TestWarningsAreApart(t *testing.T) {
	k := testkit.New(t, testkit.Config{Session: session.Config{}})
	warnings := warn.Warnings{Sessions: k.Manager, Op: "refresh"}
	r := httptest.NewRequest(http.MethodGet, "http://app.example/", nil)
	r.Host = "\n\x1b[31m\u202e" + strings.Repeat("a", 1000)
	r.Header.Set("Authorization", "Bearer e30.e30.c2ln")
	for range 2 {
		warnings.PlainHTTP(r, http.Header{"Set-Cookie": {"a=b; Secure"}})
		warnings.IgnoredBearer(r)
		warnings.SignInPage(r, "/login")
	}
	if got := k.Count(event.Misconfigured); got != 3 {
		t.Errorf("%d warnings, want 3", got)
	}
	for _, e := range k.All() {
		if text := e.Err.Error(); strings.ContainsAny(text, "\n\x1b\u202e") || len(text) > 500 {
			t.Errorf("warning %q", text)
		}
	}
}
