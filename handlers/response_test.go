package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func TestRefreshStatusWithoutDecision(t *testing.T) {
	for status, want := range map[int]string{0: "503 kept retry 1", 503: "503 kept retry 1", 429: "429 kept retry 1"} {
		env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{UnavailableStatus: status})
		env.Fake.FailAlways(crossminttest.Refresh, crossminttest.Status(403, "application/json", "{}"))
		jwt, refresh := env.expiredTokens()
		if got := env.outcome(t, post("/refresh", "{}", jwt, refresh)); got.Summary != want {
			t.Errorf("%d: %s, want %s", status, got.Summary, want)
		}
		if got := env.outcome(t, post("/refresh", "{}", "", "")); got.Summary != "401 kept" {
			t.Errorf("%d, without a session: %s, want 401 kept", status, got.Summary)
		}
	}
}

func TestInvalidUnavailableStatusPanics(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	for status, want := range map[int]bool{0: false, 503: false, 429: false, 200: true, 401: true, 500: true} {
		if got := panics(func() { handlers.Refresh(env.Manager, env.cookies, handlers.Config{UnavailableStatus: status}) }); got != want {
			t.Errorf("%d: panics %v, want %v", status, got, want)
		}
	}
}

// TestRefreshInEarlyData sends a request that another party may have replayed: it
// must not use the refresh token.
func TestRefreshInEarlyData(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	jwt, refresh := env.expiredTokens()
	early := post("/refresh", "{}", jwt, refresh)
	early.Header.Set("Early-Data", "1")
	got := []outcome{env.outcome(t, early), env.outcome(t, post("/refresh", "{}", jwt, refresh))}
	if diff := cmp.Diff([]outcome{{Summary: "425 kept"}, {Summary: "200 renewed", Refreshes: 1}}, got); diff != "" {
		t.Errorf("in early data, then after the handshake (-want +got):\n%s", diff)
	}
}

// TestLogoutEvictsPages checks that the Back button shows no page that the browser
// has cached. A browser without a session keeps its cache: Crossmint's browser client
// logs out on each of its page views.
func TestLogoutEvictsPages(t *testing.T) {
	tests := []struct {
		name         string
		jwt, refresh bool
		want         string
	}{
		{name: "session", jwt: true, refresh: true, want: `"cache"`},
		{name: "JWT alone", jwt: true, want: `"cache"`},
		{name: "refresh token alone", refresh: true, want: `"cache"`},
		{name: "no session"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
			jwt, refresh := env.validTokens()
			if !test.jwt {
				jwt = ""
			}
			if !test.refresh {
				refresh = ""
			}
			res, _ := env.serve(t, post("/logout", "", jwt, refresh))
			if diff := cmp.Diff(test.want, res.Header.Get("Clear-Site-Data")); diff != "" {
				t.Errorf("Clear-Site-Data (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSignInDropsSpeculativePages checks that a browser shows no page that it has fetched
// for the visitor before a sign-in. A refresh of the same session keeps these pages.
func TestSignInDropsSpeculativePages(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	_, secret := env.validTokens()
	jwt, refresh := env.expiredTokens()
	for _, test := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{name: "one-time secret", r: post("/refresh", `{"refresh":"`+secret+`"}`, "", ""), want: `"prefetchCache", "prerenderCache"`},
		{name: "refresh", r: post("/refresh", "{}", jwt, refresh)},
		{name: "nothing", r: post("/refresh", "{}", "", "")},
	} {
		res, _ := env.serve(t, test.r)
		if diff := cmp.Diff(test.want, res.Header.Get("Clear-Site-Data")); diff != "" {
			t.Errorf("%s: Clear-Site-Data (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestLinkToLogoutGetsPage follows a link, which a reader sees, and not a script.
func TestLinkToLogoutGetsPage(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	r := post("/logout", "", "", "")
	r.Method = http.MethodGet
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, body := env.serve(t, r)
	if got := testkit.ResponseOutcome(t, res); got != "405 kept" || !strings.HasPrefix(body, "<!doctype html>") {
		t.Errorf("%s: %s", got, body)
	}
}
