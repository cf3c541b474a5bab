package handlers_test

import (
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func TestCrossOriginRequests(t *testing.T) {
	tests := []struct {
		name    string
		site    string // Sec-Fetch-Site
		origin  string
		allowed bool
	}{
		{name: "same origin", site: "same-origin", origin: "https://app.example", allowed: true},
		{name: "typed into the address bar", site: "none", allowed: true},
		{name: "cross-site", site: "cross-site", origin: "https://evil.example"},
		{name: "cross-site without an Origin", site: "cross-site"},
		{name: "cross-site with a forged Origin", site: "cross-site", origin: "https://app.example"},
		{name: "sibling domain", site: "same-site", origin: "https://blog.app.example"},
		{name: "an unknown value", site: "same-host", origin: "https://app.example"},
		{name: "trusted", site: "cross-site", origin: "https://trusted.example", allowed: true},
		{name: "trusted, older browser", origin: "https://trusted.example", allowed: true},
		{name: "trusted host, another scheme", site: "cross-site", origin: "http://trusted.example"},
		{name: "trusted host, another port", site: "cross-site", origin: "https://trusted.example:8443"},
		{name: "subdomain of the trusted host", site: "cross-site", origin: "https://a.trusted.example"},
		{name: "same origin, older browser", origin: "https://app.example", allowed: true},
		{name: "null", origin: "null"},
		{name: "null with fetch metadata", site: "cross-site", origin: "null"},
		{name: "own host as a prefix", origin: "https://app.example.evil"},
		{name: "own host as a suffix", origin: "https://evilapp.example"},
		{name: "subdomain", origin: "https://evil.app.example"},
		{name: "parent domain", origin: "https://example"},
		{name: "another port", origin: "https://app.example:8443"},
		{name: "in the userinfo", origin: "https://app.example@evil.example"},
		{name: "in the path", origin: "https://evil.example/app.example"},
		{name: "not a URL", origin: "app.example"},
		{name: "another scheme, with fetch metadata", site: "cross-site", origin: "http://app.example"},
		{name: "another scheme, without fetch metadata", origin: "http://app.example", allowed: true},
		{name: "not a browser", allowed: true},
	}
	protection := http.NewCrossOriginProtection()
	testkit.NoError(t, protection.AddTrustedOrigin("https://trusted.example"))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{Protection: protection})
			jwt, refresh := env.expiredTokens()
			want := []outcome{{Summary: "403 kept"}, {Summary: "403 kept"}}
			if test.allowed {
				want = []outcome{{Summary: "200 renewed", Refreshes: 1}, {Summary: "204 cleared", Logouts: 1}}
			}
			var got []outcome
			for _, path := range []string{"/refresh", "/logout"} {
				r := post(path, "{}", jwt, refresh)
				r.Header.Del("Origin")
				r.Header.Del("Sec-Fetch-Site")
				if test.site != "" {
					r.Header.Set("Sec-Fetch-Site", test.site)
				}
				if test.origin != "" {
					r.Header.Set("Origin", test.origin)
				}
				for name, value := range map[string]string{
					"Forwarded": "host=evil.example;proto=http", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Original-Host": "evil.example",
				} {
					r.Header.Set(name, value)
				}
				got = append(got, env.outcome(t, r))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("refresh and logout (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForwardedHost forges the requested host in a forwarded header.
func TestForwardedHost(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	for _, path := range []string{"/refresh", "/logout"} {
		r := post(path, "{}", "", "victim")
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("X-Forwarded-Host", "evil.example")
		if diff := cmp.Diff(outcome{Summary: "403 kept"}, env.outcome(t, r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestNoTrustedOriginsByDefault sends a cross-origin request to handlers without
// trusted origins.
func TestNoTrustedOriginsByDefault(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	r := post("/logout", "{}", "", "victim")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://trusted.example")
	if diff := cmp.Diff(outcome{Summary: "403 kept"}, env.outcome(t, r)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}
