package middleware_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// Without signing keys there is no decision, and no token is lost. Five seconds
// after the outage every session works again.
func TestKeyOutage(t *testing.T) {
	tests := []struct {
		name          string
		cookies       func(e *env) (jwt, refresh string)
		during, after outcome
	}{
		{name: "a valid pair", cookies: (*env).valid, during: outcome{Response: "503 kept retry 1", Message: tryLater}, after: outcome{Response: "200 kept"}},
		{name: "an expired pair", cookies: (*env).expired, during: outcome{Response: "503 kept retry 1", Message: tryLater}, after: outcome{Response: "200 renewed", Refreshes: 1}},
		{name: "a refresh response that cannot be verified yet is kept", cookies: func(e *env) (string, string) {
			_, refresh := e.expired()
			return "", refresh
		}, during: outcome{Response: "503 kept retry 1", Message: tryLater, Refreshes: 1}, after: outcome{Response: "200 renewed"}},
		{name: "a valid JWT alone", cookies: func(e *env) (string, string) {
			jwt, _ := e.valid()
			return jwt, ""
		}, during: outcome{Response: "401 kept", Message: noRefresh}, after: outcome{Response: "401 kept", Message: noRefresh}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse}, session.Config{})
				e.fake.FailAlways(crossminttest.JWKS, crossminttest.Status(503, "", ""))
				jwt, refresh := test.cookies(e)
				if diff := cmp.Diff(test.during, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
					t.Errorf("during the outage (-want +got):\n%s", diff)
				}
				e.fake.Heal()
				time.Sleep(5 * time.Second)
				if diff := cmp.Diff(test.after, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
					t.Errorf("after the outage (-want +got):\n%s", diff)
				}
			})
		})
	}
}
