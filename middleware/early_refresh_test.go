package middleware_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func TestEarlyRefresh(t *testing.T) {
	const lifetime, left = 10 * time.Minute, 25 * time.Second
	upgradeStatus := func(e *env, jwt, refresh string) string {
		r := get("/me", jwt, refresh)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		res, _ := serve(e.require(middleware.Config{})(showUser), r)
		return res.Status
	}
	tests := []struct {
		name   string
		wait   time.Duration // from the sign-in to the requests
		change func(e *env, refresh string)
		first  outcome
		delay  time.Duration // of the first request
		second outcome       // two seconds later
	}{
		{name: "outside the window", wait: lifetime - time.Minute, change: func(*env, string) {}, first: outcome{Response: "200 kept"}, second: outcome{Response: "200 kept"}},
		{name: "renewed", wait: lifetime - left, change: func(*env, string) {}, first: outcome{Response: "200 renewed", Refreshes: 1}, second: outcome{Response: "200 renewed"}},
		{name: "rejected", wait: lifetime - left, change: func(e *env, refresh string) { e.fake.Revoke(refresh) }, first: outcome{Response: "200 kept", Refreshes: 1}, second: outcome{Response: "200 kept"}},
		{name: "failed", wait: lifetime - left, change: func(e *env, _ string) {
			e.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(500, "", ""))
		}, first: outcome{Response: "200 kept", Refreshes: 1}, second: outcome{Response: "200 kept"}},
		{name: "slow", wait: lifetime - left, change: func(e *env, _ string) { e.fake.SetLatency(crossminttest.Refresh, time.Second) },
			first: outcome{Response: "200 renewed", Refreshes: 1}, delay: time.Second, second: outcome{Response: "200 renewed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, crossminttest.Config{InMemory: true, JWTLifetime: lifetime}, session.Config{})
				must(t, e.client.Preload(t.Context()))
				jwt, refresh := e.valid()
				time.Sleep(test.wait)
				test.change(e, refresh)
				if got := upgradeStatus(e, jwt, refresh); got != "200 OK" || e.fake.Calls().Refresh != 0 {
					t.Errorf("upgrade: %s, upstream was called %d times", got, e.fake.Calls().Refresh)
				}
				started := time.Now()
				first := e.outcome(t, middleware.Config{}, jwt, refresh)
				if diff := cmp.Diff([]any{test.first, test.delay}, []any{first, time.Since(started)}); diff != "" {
					t.Errorf("first request (-want +got):\n%s", diff)
				}
				time.Sleep(2 * time.Second)
				if diff := cmp.Diff(test.second, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
					t.Errorf("second request (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// WebSocket over HTTP/2 begins with CONNECT, without the header Upgrade
// (RFC 8441). Its response, too, may be unable to carry cookies.
func TestNoEarlyRefreshForCONNECT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, crossminttest.Config{InMemory: true, JWTLifetime: 10 * time.Minute}, session.Config{})
		must(t, e.client.Preload(t.Context()))
		jwt, refresh := e.valid()
		time.Sleep(575 * time.Second)
		r := get("/chat", jwt, refresh)
		r.Method = http.MethodConnect
		res, _ := serve(e.require(middleware.Config{})(showUser), r)
		if got := testkit.ResponseOutcome(t, res); got != "200 kept" || e.fake.Calls().Refresh != 0 {
			t.Errorf("%s, upstream was called %d times", got, e.fake.Calls().Refresh)
		}
	})
}
