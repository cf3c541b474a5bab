package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestCacheControl checks that a cache that ignores Vary cannot give the page of one
// user to another, and that handlers and outer layers can decide otherwise.
func TestCacheControl(t *testing.T) {
	optional := func(e *env, next http.Handler) http.Handler {
		return middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{})(next)
	}
	require := func(e *env, next http.Handler) http.Handler { return e.require(middleware.Config{})(next) }
	anonymous := func(*env) (string, string) { return "", "" }
	tests := []struct {
		name    string
		wrap    func(*env, http.Handler) http.Handler
		cookies func(*env) (jwt, refresh string)
		before  string // set by an outer layer
		handler string // set by the handler
		want    []string
	}{
		{name: "RequireSession", wrap: require, cookies: (*env).valid, want: []string{"private"}},
		{name: "OptionalSession", wrap: optional, cookies: (*env).valid, want: []string{"private"}},
		{name: "OptionalSession without a session", wrap: optional, cookies: anonymous, want: nil},
		{name: "handler replaces it", wrap: require, cookies: (*env).valid, handler: "public, max-age=60", want: []string{"public, max-age=60"}},
		{name: "outer layer has set another value", wrap: require, cookies: (*env).valid, before: "no-store", want: []string{"no-store"}},
		{name: "renewed session", wrap: require, cookies: (*env).expired, want: []string{"no-store"}},
		{name: "renewed session, outer layer has set another value", wrap: require, cookies: (*env).expired, before: "private", want: []string{"no-store"}},
		{name: "nested", wrap: func(e *env, next http.Handler) http.Handler { return optional(e, require(e, next)) }, cookies: (*env).valid, want: []string{"private"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			w := httptest.NewRecorder()
			if test.before != "" {
				w.Header().Set("Cache-Control", test.before)
			}
			jwt, refresh := test.cookies(e)
			test.wrap(e, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.handler != "" {
					w.Header().Set("Cache-Control", test.handler)
				}
			})).ServeHTTP(w, get("/me", jwt, refresh))
			if diff := cmp.Diff(test.want, w.Header()["Cache-Control"]); diff != "" {
				t.Errorf("Cache-Control (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSessionSetsCacheControl checks the call that leaves the response to its caller,
// and that a value that one caller adds does not reach the next one.
func TestSessionSetsCacheControl(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	call := middleware.Session(e.sessions, e.cookies, middleware.Config{})
	jwt, refresh := e.valid()
	for range 2 {
		w := httptest.NewRecorder()
		if _, err := call(w, get("/me", jwt, refresh)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"private"}, w.Header()["Cache-Control"]); diff != "" {
			t.Errorf("Cache-Control (-want +got):\n%s", diff)
		}
		w.Header().Add("Cache-Control", "max-age=60")
	}
}
