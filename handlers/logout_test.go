package handlers_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

func TestLogout(t *testing.T) {
	const multipart = "multipart/form-data; boundary=x"
	tests := []struct {
		name        string
		contentType string
		body        string // BODY stands for a second session's refresh token
		cookies     bool
		want        outcome
		live        []string // tokens that are live afterwards
	}{
		{name: "cookies", cookies: true, want: outcome{Summary: "204 cleared", Logouts: 1}, live: []string{"body"}},
		{name: "cookies and an empty object", contentType: "application/json", body: "{}", cookies: true, want: outcome{Summary: "204 cleared", Logouts: 1}, live: []string{"body"}},
		{name: "body", contentType: "application/json", body: refreshBody("BODY"), want: outcome{Summary: "204 cleared", Logouts: 1}, live: []string{"cookie"}},
		{name: "both", contentType: "application/json; charset=utf-8", body: refreshBody("BODY"), cookies: true, want: outcome{Summary: "204 cleared", Logouts: 2}},
		{name: "no tokens", want: outcome{Summary: "204 cleared"}, live: []string{"cookie", "body"}},
		{name: "invalid JSON", contentType: "application/json", body: `{"refresh":`, cookies: true, want: outcome{Summary: "204 cleared", Logouts: 1}, live: []string{"body"}},
		{name: "refresh twice", contentType: "application/json", body: `{"refresh":"BODY","refresh":"BODY"}`, cookies: true, want: outcome{Summary: "204 cleared", Logouts: 1}, live: []string{"body"}},
		{name: "text/plain", contentType: "text/plain", body: refreshBody("BODY"), cookies: true, want: outcome{Summary: "204 cleared", Logouts: 1}, live: []string{"body"}},
		{name: "a body without a media type", body: refreshBody("BODY"), cookies: true, want: outcome{Summary: "204 cleared", Logouts: 1}, live: []string{"body"}},
		{name: "form", contentType: "application/x-www-form-urlencoded", body: "refresh=BODY", cookies: true, want: outcome{Summary: "303 cleared", Logouts: 1}, live: []string{"body"}},
		{name: "form with files", contentType: multipart, body: "--x--", cookies: true, want: outcome{Summary: "303 cleared", Logouts: 1}, live: []string{"body"}},
		{name: "form without tokens", contentType: "application/x-www-form-urlencoded", want: outcome{Summary: "303 cleared"}, live: []string{"cookie", "body"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{AfterLogout: &url.URL{Path: "/bye", RawQuery: "a=1"}})
			jwt, refresh := env.expiredTokens()
			_, second := env.expiredTokens()
			r := post("/logout", strings.ReplaceAll(test.body, "BODY", second), "", "")
			if test.cookies {
				r = post("/logout", strings.ReplaceAll(test.body, "BODY", second), jwt, refresh)
			}
			r.Header.Set("Content-Type", test.contentType)
			if diff := cmp.Diff(test.want, env.outcome(t, r)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			var live []string
			for i, token := range []string{refresh, second} {
				if env.Fake.Live(token) {
					live = append(live, []string{"cookie", "body"}[i])
				}
			}
			if diff := cmp.Diff(test.live, live); diff != "" {
				t.Errorf("live tokens (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogoutRedirect(t *testing.T) {
	for _, test := range []struct {
		name   string
		config handlers.Config
		want   []string
	}{
		{name: "configured", config: handlers.Config{AfterLogout: &url.URL{Path: "/bye", RawQuery: "a=1"}}, want: []string{"303 See Other", "/bye?a=1"}},
		{name: "not configured", want: []string{"204 No Content", ""}},
	} {
		env := newTestEnv(t, crossminttest.Config{}, session.Config{}, test.config)
		r := post("/logout?return_to=//evil.example", "return_to=//evil.example", "", "")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, _ := env.serve(t, r)
		status := map[int]string{303: "303 See Other", 204: "204 No Content"}[res.StatusCode]
		if diff := cmp.Diff(test.want, []string{status, res.Header.Get("Location")}); diff != "" {
			t.Errorf("%s: status and Location (-want +got):\n%s", test.name, diff)
		}
	}
}

// unreadable is a body that fails the test when it is read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("unreadable")
}
func (u unreadable) Close() error { return nil }

// TestLogoutReadsOnlyJSON sends bodies of other media types.
func TestLogoutReadsOnlyJSON(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"} {
		r := post("/logout", "", "", "")
		r.Body, r.ContentLength = unreadable{t: t}, 10
		r.Header.Set("Content-Type", contentType)
		if got := env.outcome(t, r); got.Summary != "204 cleared" {
			t.Errorf("%q: %+v", contentType, got)
		}
	}
}

// TestLogoutClearsDespiteUpstreamFailure checks the response, its time, and that the
// user's tokens are invalid in this process afterwards.
func TestLogoutClearsDespiteUpstreamFailure(t *testing.T) {
	tests := []struct {
		name  string
		fail  func(env *testEnv)
		calls int // of upstream's logout, with a jitter between them
	}{
		{name: "500", calls: 4, fail: func(env *testEnv) { env.Fake.FailAlways(crossminttest.Logout, crossminttest.Status(500, "", "")) }},
		{name: "429", calls: 3, fail: func(env *testEnv) {
			env.Fake.FailAlways(crossminttest.Logout, crossminttest.Status(429, "", "").With("Retry-After", "1"))
		}},
		{name: "reset", calls: 4, fail: func(env *testEnv) { env.Fake.FailAlways(crossminttest.Logout, crossminttest.Reset()) }},
		{name: "down", fail: func(env *testEnv) { env.Fake.Down() }},
		{name: "no response", calls: 1, fail: func(env *testEnv) { env.Fake.FailAlways(crossminttest.Logout, crossminttest.Hang()) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newTestEnv(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{})
				testkit.NoError(t, env.Client.Preload(t.Context()))
				jwt, refresh := env.validTokens()
				test.fail(env)
				started := time.Now()
				got := env.outcome(t, post("/logout", "", jwt, refresh))
				if took := time.Since(started); got.Summary != "204 cleared" || took > 3*time.Second {
					t.Errorf("%s after %v, want 204 cleared within 3 s", got.Summary, took)
				}
				if got.Logouts < test.calls || got.Logouts > test.calls+1 {
					t.Errorf("%d calls of upstream, want %d or one more", got.Logouts, test.calls)
				}
				if !env.Has(event.LogoutFailed) {
					t.Errorf("events: %v", env.Outcomes())
				}
				if _, err := env.Manager.Verify(t.Context(), session.NewSecret(jwt)); !errors.Is(err, session.ErrJWTInvalid) {
					t.Errorf("the JWT after the logout: %v", err)
				}
				if got := env.outcome(t, post("/refresh", "{}", "", refresh)); got.Summary != "401 kept" || got.Refreshes != 0 {
					t.Errorf("refresh after the logout: %+v", got)
				}
			})
		})
	}
}

// TestAnonymousPageView sends the requests of Crossmint's browser client on every
// page view without a session. They must not call upstream.
func TestAnonymousPageView(t *testing.T) {
	env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	got := []outcome{env.outcome(t, post("/refresh", "{}", "", ""))}
	r := post("/logout", "", "", "")
	r.Header.Del("Content-Type")
	r.Body, r.ContentLength = http.NoBody, 0
	got = append(got, env.outcome(t, r))
	if diff := cmp.Diff([]outcome{{Summary: "401 kept"}, {Summary: "204 cleared"}}, got); diff != "" {
		t.Errorf("refresh and logout (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(crossminttest.Calls{}, env.Fake.Calls()); diff != "" {
		t.Errorf("calls of upstream (-want +got):\n%s", diff)
	}
}

// TestLogoutDespitePanicInOnError checks that a logout still clears the cookies.
func TestLogoutDespitePanicInOnError(t *testing.T) {
	causes := map[string]func(*testEnv) (body string){
		"invalid body": func(*testEnv) string { return `{"refresh":1}` },
		"upstream fails": func(env *testEnv) string {
			env.Fake.FailAlways(crossminttest.Logout, crossminttest.Status(403, "", "{}"))
			return ""
		},
	}
	for name, prepare := range causes {
		t.Run(name, func(t *testing.T) {
			env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
			called := 0
			env.mux = http.NewServeMux()
			env.mux.Handle("/logout", handlers.Logout(env.Manager, env.cookies, handlers.Config{OnError: func(*http.Request, error) {
				called++
				panic("fault in OnError")
			}}))
			jwt, refresh := env.expiredTokens()
			body := prepare(env)
			if got := env.outcome(t, post("/logout", body, jwt, refresh)); got.Summary != "204 cleared" || called != 1 {
				t.Errorf("%s and %d calls of OnError, want 204 cleared and 1", got.Summary, called)
			}
		})
	}
}
