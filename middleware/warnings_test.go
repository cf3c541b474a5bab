package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// wantWarnings checks the warnings so far: each has to contain its words.
func (e *env) wantWarnings(t *testing.T, words ...[]string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.warnings) != len(words) {
		t.Fatalf("%d warnings, want %d: %q", len(e.warnings), len(words), e.warnings)
	}
	for i, warning := range e.warnings {
		for _, word := range words[i] {
			if !strings.Contains(warning, word) {
				t.Errorf("the warning %q does not contain %q", warning, word)
			}
		}
	}
}

// servedBy returns r as a server with the write timeout would pass it on.
func servedBy(r *http.Request, writeTimeout time.Duration) *http.Request {
	server := &http.Server{WriteTimeout: writeTimeout}
	return r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server))
}

// TestWarnsOfWriteTimeout sends requests that need no refresh.
func TestWarnsOfWriteTimeout(t *testing.T) {
	require := func(e *env) http.Handler { return e.require(middleware.Config{})(showUser) }
	optional := func(e *env) http.Handler {
		return middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{})(showUser)
	}
	nested := func(e *env) http.Handler { return e.require(middleware.Config{})(require(e)) }
	tests := []struct {
		name         string
		handler      func(*env) http.Handler
		writeTimeout time.Duration
		timeout      time.Duration // session.Config.RefreshTimeout
		want         []string
	}{
		{name: "no timeout", handler: require},
		{name: "longer", handler: require, writeTimeout: 11 * time.Second},
		{name: "equal", handler: require, writeTimeout: 10 * time.Second, want: []string{"authenticate: ", "WriteTimeout is 10s", "wait 10s", "session.Config.RefreshTimeout"}},
		{name: "shorter", handler: require, writeTimeout: 5 * time.Second, want: []string{"WriteTimeout is 5s", "wait 10s"}},
		{name: "longer than a configured timeout", handler: require, writeTimeout: 5 * time.Second, timeout: 4 * time.Second},
		{name: "shorter than a configured timeout", handler: require, writeTimeout: 11 * time.Second, timeout: 12 * time.Second, want: []string{"WriteTimeout is 11s", "wait 12s"}},
		{name: "OptionalSession waits for a second", handler: optional, writeTimeout: 5 * time.Second},
		{name: "shorter than a second", handler: optional, writeTimeout: time.Second / 2, want: []string{"WriteTimeout is 500ms", "wait 1s"}},
		{name: "nested", handler: nested, writeTimeout: 5 * time.Second, want: []string{"WriteTimeout is 5s"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{RefreshTimeout: test.timeout})
			h := test.handler(e)
			jwt, refresh := e.valid()
			for range 3 {
				if res, _ := serve(h, servedBy(get("/", jwt, refresh), test.writeTimeout)); res.StatusCode != http.StatusOK {
					t.Fatalf("status %d", res.StatusCode)
				}
			}
			if test.want == nil {
				e.wantWarnings(t)
				return
			}
			e.wantWarnings(t, test.want)
		})
	}
}

func TestWarnsOfIgnoredBearer(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	jwt, refresh := e.valid()
	withHeader := func(r *http.Request, authorization string) *http.Request {
		r.Header.Set("Authorization", authorization)
		return r
	}
	on, off := e.require(middleware.Config{Bearer: true})(showUser), e.require(middleware.Config{})(showUser)
	serve(on, withHeader(get("/", "", ""), "Bearer "+jwt))
	serve(on, get("/", "", ""))
	serve(off, withHeader(get("/", jwt, refresh), "Bearer "+jwt)) // the cookies count
	serve(off, withHeader(get("/", "", ""), "Basic YW5uOmE="))
	serve(off, withHeader(get("/", "", ""), "Bearer opaque"))
	e.wantWarnings(t)
	for range 3 {
		if res, _ := serve(off, withHeader(get("/", "", ""), "Bearer "+jwt)); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", res.StatusCode)
		}
	}
	e.wantWarnings(t, []string{"authenticate: ", "Authorization header", "middleware.Config.Bearer"})
	if strings.Contains(e.warnings[0], jwt) {
		t.Errorf("the warning has the JWT: %s", e.warnings[0])
	}
}

func TestWarnsOfRenewalOverPlainHTTP(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	h := e.require(middleware.Config{})(showUser)
	visit := func(origin string) {
		jwt, refresh := e.expired()
		if res, _ := serve(h, get(origin+"/", jwt, refresh)); testkit.ResponseOutcome(t, res) != "200 renewed" {
			t.Errorf("%s: %s", origin, testkit.ResponseOutcome(t, res))
		}
	}
	visit("https://app.example")
	visit("http://localhost:8080")
	jwt, refresh := e.valid()
	serve(h, get("http://app.example/", jwt, refresh)) // sets no cookies
	e.wantWarnings(t)
	for range 3 {
		visit("http://app.example:8080")
	}
	e.wantWarnings(t, []string{"authenticate: ", "plain http", `"app.example:8080"`, "use https"})
}

func TestWarnsOfSignInPageBehindItself(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	h := e.require(middleware.Config{SignIn: &url.URL{Path: "/login"}})(showUser)
	for range 3 {
		r := get("/login", "", "")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		serve(h, r)
	}
	e.wantWarnings(t, []string{"authenticate: ", `"/login"`, "mount it outside"})
}

// TestSessionAfterTheResponse calls Session too late for its cookies. The session is not
// lost: the old refresh token gets it again. If that comes much later, a warning tells.
func TestSessionAfterTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse, InMemory: true}, session.Config{Grace: time.Millisecond})
		call := middleware.Session(e.sessions, e.cookies, middleware.Config{})
		jwt, refresh := e.expired()
		late := func() string {
			w := httptest.NewRecorder()
			w.WriteHeader(http.StatusOK)
			_, err := call(w, get("https://app.example/", jwt, refresh))
			must(t, err)
			return testkit.ResponseOutcome(t, w.Result())
		}
		outcomes := []string{late()}
		time.Sleep(time.Second)
		outcomes = append(outcomes, late()) // a request that was on its way
		e.wantWarnings(t)
		time.Sleep(time.Minute)
		outcomes = append(outcomes, late(), late())
		e.wantWarnings(t, []string{"middleware.Session", "1m1s ago", "did not reach the browser"})
		res, _ := serve(e.require(middleware.Config{})(showUser), get("https://app.example/", jwt, refresh))
		outcomes = append(outcomes, testkit.ResponseOutcome(t, res))
		if diff := cmp.Diff([]string{"200 kept", "200 kept", "200 kept", "200 kept", "200 renewed"}, outcomes); diff != "" {
			t.Errorf("responses (-want +got):\n%s", diff)
		}
	})
}
