package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// TestErrorResponseFitsTheClient sends the same requests as a navigation, as an
// EventSource and as a script.
func TestErrorResponseFitsTheClient(t *testing.T) {
	const (
		page   = "text/html; charset=utf-8"
		stream = "text/event-stream"
		object = "application/json"
	)
	tests := []struct {
		name        string
		unavailable bool
		header      string
		value       string
		handler     bool // Config.ErrorHandler is set
		want        string
	}{
		{name: "navigation without a session", header: "Sec-Fetch-Mode", value: "navigate", want: "401 " + page},
		{name: "navigation, unavailable", unavailable: true, header: "Sec-Fetch-Mode", value: "navigate", want: "503 " + page},
		{name: "script without a session", header: "Sec-Fetch-Mode", value: "cors", want: "401 " + object},
		{name: "script, unavailable", unavailable: true, header: "Sec-Fetch-Mode", value: "cors", want: "503 " + object},
		{name: "EventSource without a session", header: "Accept", value: stream, want: "401 " + object},
		{name: "EventSource, unavailable", unavailable: true, header: "Accept", value: stream, want: "200 " + stream},
		{name: "navigation, replaced", header: "Sec-Fetch-Mode", value: "navigate", handler: true, want: "418 replaced"},
		{name: "EventSource, replaced", unavailable: true, header: "Accept", value: stream, handler: true, want: "418 replaced"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			r := get("/private", "", "")
			if test.unavailable {
				e.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(502, "text/html", htmlError))
				jwt, refresh := e.expired()
				r = get("/private", jwt, refresh)
			}
			r.Header.Set(test.header, test.value)
			config := middleware.Config{}
			if test.handler {
				config.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
					w.Header().Set("Content-Type", "replaced")
					w.WriteHeader(http.StatusTeapot)
				}
			}
			res, _ := serve(e.require(config)(showUser), r)
			if diff := cmp.Diff(test.want, strings.TrimSpace(res.Status[:3]+" "+res.Header.Get("Content-Type"))); diff != "" {
				t.Errorf("status and type (-want +got):\n%s", diff)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: %q", got)
			}
		})
	}
}

// TestForwardAuthNeverPermitsAnEventSource sends the header to which other responses
// without a decision have status 200.
func TestForwardAuthNeverPermitsAnEventSource(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	e.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(502, "text/html", htmlError))
	jwt, refresh := e.expired()
	r := get("/auth", jwt, refresh)
	r.Header.Set("Accept", "text/event-stream")
	res, _ := serve(e.forwardAuth(), r)
	if got := testkit.ResponseOutcome(t, res); got != "503 kept retry 1" {
		t.Errorf("response: %s, want 503 kept retry 1", got)
	}
}

func TestUnavailableStatus(t *testing.T) {
	config := middleware.Config{UnavailableStatus: http.StatusTooManyRequests}
	withStatusOf := config
	withStatusOf.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) { w.WriteHeader(middleware.StatusOf(err)) }
	anyRole := middleware.RequireClaim(func(struct{}) bool { return true })
	tests := []struct {
		name string
		wrap func(e *env) http.Handler
	}{
		{name: "RequireSession", wrap: func(e *env) http.Handler { return e.require(config)(showUser) }},
		{name: "RequireSession with an ErrorHandler", wrap: func(e *env) http.Handler { return e.require(withStatusOf)(showUser) }},
		{name: "OptionalSession and RequireClaim", wrap: func(e *env) http.Handler {
			return middleware.OptionalSession(e.sessions, e.cookies, config)(anyRole(showUser))
		}},
		{name: "Session", wrap: func(e *env) http.Handler {
			call := middleware.Session(e.sessions, e.cookies, config)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := call(w, r)
				w.WriteHeader(middleware.StatusOf(err))
			})
		}},
		{name: "ForwardAuth", wrap: func(e *env) http.Handler {
			return middleware.ForwardAuth(e.sessions, e.cookies, "X-User-Id", config)
		}},
		{name: "RequireSession inside another one", wrap: func(e *env) http.Handler {
			return middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{})(e.require(config)(showUser))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			e.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(502, "text/html", htmlError))
			jwt, refresh := e.expired()
			h := test.wrap(e)
			if res, _ := serve(h, get("/me", jwt, refresh)); res.StatusCode != http.StatusTooManyRequests {
				t.Errorf("unavailable: %d, want 429", res.StatusCode)
			}
			if res, _ := serve(h, get("/me", "", "")); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("without a session: %d, want 401", res.StatusCode)
			}
		})
	}
}

func TestInvalidUnavailableStatusPanics(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	for status, want := range map[int]bool{0: false, 503: false, 429: false, 200: true, 401: true, 500: true, 1: true, -1: true} {
		if got := panics(func() { e.require(middleware.Config{UnavailableStatus: status}) }); got != want {
			t.Errorf("%d: panics %v, want %v", status, got, want)
		}
	}
}

// expiring returns the tokens of a browser whose JWT is about to expire.
func (e *env) expiring() (jwt, refresh string) {
	user := e.fake.NewUser("")
	now := time.Now()
	jwt = e.fake.Sign(user, nil, map[string]any{"iat": now.Add(-time.Hour).Unix(), "exp": now.Add(20 * time.Second).Unix()})
	return jwt, e.fake.Grant(user).RefreshToken.Secret.Reveal()
}

// TestEarlyData sends requests that another party may have replayed: they must not
// use the refresh token.
func TestEarlyData(t *testing.T) {
	tests := []struct {
		name     string
		cookies  func(e *env) (jwt, refresh string)
		optional bool
		want     string
	}{
		{name: "valid JWT", cookies: (*env).valid, want: "200 kept"},
		{name: "JWT that is refreshed early", cookies: (*env).expiring, want: "200 kept"},
		{name: "expired JWT", cookies: (*env).expired, want: "425 kept"},
		{name: "expired JWT, OptionalSession", cookies: (*env).expired, optional: true, want: "425 kept"},
		{name: "no cookies", cookies: func(*env) (string, string) { return "", "" }, want: "401 kept"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			h := e.require(middleware.Config{})(showUser)
			if test.optional {
				h = middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{})(showUser)
			}
			jwt, refresh := test.cookies(e)
			early := get("/me", jwt, refresh)
			early.Header.Set("Early-Data", "1")
			res, _ := serve(h, early)
			if diff := cmp.Diff(test.want, testkit.ResponseOutcome(t, res)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if got := e.fake.Calls().Refresh; got != 0 {
				t.Errorf("%d refreshes, want 0", got)
			}
			if test.want != "425 kept" {
				return
			}
			if diff := cmp.Diff([]event.Outcome{event.AskedAgain}, e.outcomes); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			again := httptest.NewRecorder()
			h.ServeHTTP(again, get("/me", jwt, refresh)) // after the handshake
			if got := testkit.ResponseOutcome(t, again.Result()); got != "200 renewed" {
				t.Errorf("after the handshake: %s, want 200 renewed", got)
			}
		})
	}
}
