package handlers_test

import (
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func TestOrigins(t *testing.T) {
	tests := []struct {
		name    string
		site    string // Sec-Fetch-Site
		origin  string
		allowed bool
	}{
		{"same origin", "same-origin", "https://app.example", true},
		{"typed by a person", "none", "", true},
		{"cross-site", "cross-site", "https://evil.example", false},
		{"cross-site without an Origin", "cross-site", "", false},
		{"cross-site that pretends", "cross-site", "https://app.example", false},
		{"a sibling", "same-site", "https://blog.app.example", false},
		{"an unknown value", "same-host", "https://app.example", false},
		{"trusted", "cross-site", "https://trusted.example", true},
		{"trusted, older browser", "", "https://trusted.example", true},
		{"trusted host, another scheme", "cross-site", "http://trusted.example", false},
		{"trusted host, another port", "cross-site", "https://trusted.example:8443", false},
		{"below the trusted one", "cross-site", "https://a.trusted.example", false},
		{"same origin, older browser", "", "https://app.example", true},
		{"null", "", "null", false},
		{"null with fetch metadata", "cross-site", "null", false},
		{"longer at the end", "", "https://app.example.evil", false},
		{"longer at the start", "", "https://evilapp.example", false},
		{"below", "", "https://evil.app.example", false},
		{"above", "", "https://example", false},
		{"another port", "", "https://app.example:8443", false},
		{"in the userinfo", "", "https://app.example@evil.example", false},
		{"in the path", "", "https://evil.example/app.example", false},
		{"no URL", "", "app.example", false},
		{"another scheme, told by fetch metadata", "cross-site", "http://app.example", false},
		{"another scheme, untold", "", "http://app.example", true},
		{"no browser", "", "", true},
	}
	protection := http.NewCrossOriginProtection()
	must(t, protection.AddTrustedOrigin("https://trusted.example"))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{Protection: protection})
			jwt, refresh := k.expired()
			want := []outcome{{"403 kept", 0, 0}, {"403 kept", 0, 0}}
			if test.allowed {
				want = []outcome{{"200 renewed", 1, 0}, {"204 cleared", 0, 1}}
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
				got = append(got, k.outcome(t, r))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("refresh and logout (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForwardedHost names the attacker's host as the one that was asked for.
func TestForwardedHost(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	for _, path := range []string{"/refresh", "/logout"} {
		r := post(path, "{}", "", "victim")
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("X-Forwarded-Host", "evil.example")
		if diff := cmp.Diff(outcome{"403 kept", 0, 0}, k.outcome(t, r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestTrustIsNotTheDefault sends what a protection without trusted origins
// must refuse.
func TestTrustIsNotTheDefault(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	r := post("/logout", "{}", "", "victim")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://trusted.example")
	if diff := cmp.Diff(outcome{"403 kept", 0, 0}, k.outcome(t, r)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}
