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

// TestKeysOutOfReach has no keys at first: nobody can tell, nobody is asked,
// nothing is lost, and five seconds after the keys are back all is well.
func TestKeysOutOfReach(t *testing.T) {
	tests := []struct {
		name         string
		bring        func(k *kit) (jwt, refresh string)
		without, now outcome
	}{
		{"a valid pair", (*kit).valid, outcome{"503 kept retry 1", tryLater, 0}, outcome{"200 kept", "", 0}},
		{"an expired pair", (*kit).expired, outcome{"503 kept retry 1", tryLater, 0}, outcome{"200 renewed", "", 1}},
		{"an answer that cannot be judged is kept", func(k *kit) (string, string) {
			_, refresh := k.expired()
			return "", refresh
		}, outcome{"503 kept retry 1", tryLater, 1}, outcome{"200 renewed", "", 0}},
		{"a valid JWT alone", func(k *kit) (string, string) {
			jwt, _ := k.valid()
			return jwt, ""
		}, outcome{"401 kept", noRefresh, 0}, outcome{"401 kept", noRefresh, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse}, session.Config{})
				k.fake.FailAlways(crossminttest.JWKS, crossminttest.Status(503, "", ""))
				jwt, refresh := test.bring(k)
				if diff := cmp.Diff(test.without, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
					t.Errorf("without keys (-want +got):\n%s", diff)
				}
				k.fake.Heal()
				time.Sleep(5 * time.Second)
				if diff := cmp.Diff(test.now, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
					t.Errorf("with keys (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestEarlyRefresh(t *testing.T) {
	const lifetime, left = 10 * time.Minute, 25 * time.Second
	upgrade := func(k *kit, jwt, refresh string) string {
		r := get("/me", jwt, refresh)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		res, _ := serve(k.require(middleware.Config{})(whoami), r)
		return res.Status
	}
	tests := []struct {
		name   string
		age    time.Duration
		spoil  func(k *kit, refresh string)
		first  outcome
		waited time.Duration // by the first request
		second outcome       // two seconds later
	}{
		{"outside the window", lifetime - time.Minute, func(*kit, string) {}, outcome{"200 kept", "", 0}, 0, outcome{"200 kept", "", 0}},
		{"renewed", lifetime - left, func(*kit, string) {}, outcome{"200 renewed", "", 1}, 0, outcome{"200 renewed", "", 0}},
		{"refused", lifetime - left, func(k *kit, refresh string) { k.fake.Revoke(refresh) }, outcome{"200 kept", "", 1}, 0, outcome{"200 kept", "", 0}},
		{"failed", lifetime - left, func(k *kit, _ string) {
			k.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(500, "", ""))
		}, outcome{"200 kept", "", 1}, 0, outcome{"200 kept", "", 0}},
		{"late", lifetime - left, func(k *kit, _ string) { k.fake.SetLatency(crossminttest.Refresh, time.Second) },
			outcome{"200 kept", "", 1}, 250 * time.Millisecond, outcome{"200 renewed", "", 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, crossminttest.Config{InMemory: true, JWTLifetime: lifetime}, session.Config{})
				must(t, k.client.Preload(t.Context()))
				jwt, refresh := k.valid()
				time.Sleep(test.age)
				test.spoil(k, refresh)
				if got := upgrade(k, jwt, refresh); got != "200 OK" || k.fake.Calls().Refresh != 0 {
					t.Errorf("upgrade: %s, upstream was asked %d times", got, k.fake.Calls().Refresh)
				}
				started := time.Now()
				first := k.outcome(t, middleware.Config{}, jwt, refresh)
				if diff := cmp.Diff([]any{test.first, test.waited}, []any{first, time.Since(started)}); diff != "" {
					t.Errorf("first (-want +got):\n%s", diff)
				}
				time.Sleep(2 * time.Second)
				if diff := cmp.Diff(test.second, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
					t.Errorf("second (-want +got):\n%s", diff)
				}
			})
		})
	}
}
