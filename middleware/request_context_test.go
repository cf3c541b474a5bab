package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// Programs log contexts. Neither the JWT nor the refresh token may show.
func TestContextPrintsNoSecret(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	protections := map[string]func(http.Handler) http.Handler{
		"RequireSession":  e.require(middleware.Config{}),
		"OptionalSession": middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{}),
		"Bearer":          e.require(middleware.Config{Bearer: true}),
	}
	for name, protect := range protections {
		t.Run(name, func(t *testing.T) {
			jwt, refresh := e.valid()
			printed := ""
			page := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s, ok := session.FromContext(r.Context())
				if !ok {
					t.Fatal("no session")
				}
				derived, cancel := context.WithCancel(r.Context())
				defer cancel()
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
					printed += fmt.Sprintf(strings.Repeat(verb+" ", 4), r.Context(), derived, s, *s)
				}
			})
			r := get("/me", jwt, refresh)
			if name == "Bearer" {
				r = get("/me", "", "")
				r.Header.Set("Authorization", "Bearer "+jwt)
			}
			serve(protect(page), r)
			parts := strings.Split(jwt, ".")
			for _, secret := range []string{refresh, parts[0], parts[1], parts[2]} {
				if printed == "" || strings.Contains(printed, secret) || strings.Contains(printed, fmt.Sprintf("%x", secret)) {
					t.Errorf("%q shows in:\n%s", secret, printed)
				}
			}
		})
	}
}

// A context that is derived from that of the request carries the session. A
// context that only shares its values does so, too.
func TestDerivedContextsCarryTheSession(t *testing.T) {
	type key struct{}
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	jwt, refresh := e.valid()
	serve(e.require(middleware.Config{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		want, _ := session.FromContext(r.Context())
		cancelled, cancel := context.WithCancel(r.Context())
		cancel()
		for name, ctx := range map[string]context.Context{
			"value": context.WithValue(r.Context(), key{}, 1), "cancelled": cancelled, "without cancel": context.WithoutCancel(cancelled),
		} {
			if got, ok := session.FromContext(ctx); !ok || got != want {
				t.Errorf("%s: session %p, want %p", name, got, want)
			}
		}
	})), get("/me", jwt, refresh))
}
