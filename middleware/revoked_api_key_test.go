package middleware_test

import (
	"testing"
	"testing/synctest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// Upstream refuses every refresh token, as with a revoked API key. After five
// users the manager suspects the key, and no more cookies are deleted.
func TestRevokedAPIKey(t *testing.T) {
	const users = 5 // their refusals make the key suspect
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, crossminttest.Config{InMemory: true}, session.Config{})
		reject := crossminttest.Status(401, "", jsonRejection)
		e.fake.FailAlways(crossminttest.Refresh, reject)
		for i := range users + 5 {
			jwt, refresh := e.expired()
			got := e.serve(t, middleware.Config{}, refusedTwice(get("/me", jwt, refresh), refresh))
			want := outcome{Response: "401 cleared", Message: notValid, Refreshes: 1}
			if i >= users-1 {
				want.Response = "401 kept"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("user %d (-want +got):\n%s", i+1, diff)
			}
		}
		e.fake.Heal()
		jwt, refresh := e.expired()
		if diff := cmp.Diff(outcome{Response: "200 renewed", Refreshes: 1}, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
			t.Errorf("after the outage (-want +got):\n%s", diff)
		}
		e.fake.Fail(crossminttest.Refresh, reject)
		jwt, refresh = e.expired()
		if diff := cmp.Diff(outcome{Response: "401 cleared", Message: notValid, Refreshes: 1}, e.serve(t, middleware.Config{}, refusedTwice(get("/me", jwt, refresh), refresh))); diff != "" {
			t.Errorf("rejected after the outage (-want +got):\n%s", diff)
		}
	})
}
