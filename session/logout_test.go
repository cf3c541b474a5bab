package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

func TestLogout(t *testing.T) {
	none := session.Secret{}
	run(t, "ends the session here and at upstream", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		g := k.Fake.Grant(user)
		m := testkit.Material(g)
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 0)
		if err := k.Logout(t.Context(), m, none); err != nil {
			t.Fatal(err)
		}
		k.wantAlive(user, 0)
		_, err = k.authenticate(m)
		k.want(err, testkit.Rejected, 0)
		if !errors.Is(err, session.ErrLoggedOut) || !k.Has(event.LoggedOut) {
			t.Errorf("err = %v, events %v", err, k.Outcomes())
		}
	})
	run(t, "of a JWT alone denies the JWT", testkit.Config{Session: session.Config{AllowJWTAlone: true}}, func(t *testing.T, k *kit) {
		m := jwtOnly(k.Fake.JWT(k.Fake.NewUser("ann@example.com")))
		_ = k.Logout(t.Context(), m, none)
		_, err := k.authenticate(m)
		k.want(err, testkit.Rejected, 0)
		if calls := k.Fake.Calls().Logout; calls != 0 {
			t.Errorf("%d calls of upstream's logout, want 0", calls)
		}
	})
	run(t, "waits three seconds for an upstream that does not respond", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Logout, crossminttest.Hang())
		started := time.Now()
		err := k.Logout(t.Context(), k.SignIn("ann@example.com"), none)
		if took := time.Since(started); !errors.Is(err, session.ErrUnavailable) || took != 3*second || !k.Has(event.LogoutFailed) {
			t.Errorf("%v after %v, events %v", err, took, k.Outcomes())
		}
		if calls := k.Fake.Calls().Logout; calls != 1 {
			t.Errorf("%d tries", calls)
		}
	})
	run(t, "that upstream was not told is remembered for minutes", testkit.Config{}, func(t *testing.T, k *kit) {
		g := k.Fake.ExpiredGrant(k.Fake.NewUser("ann@example.com"))
		pair := testkit.Material(g)
		k.Fake.FailAlways(crossminttest.Logout, testkit.BadGateway())
		_ = k.Logout(t.Context(), pair, none)
		time.Sleep(9 * time.Minute)
		_, err := k.authenticate(pair)
		k.want(err, testkit.Rejected, 0)
		if !k.Fake.Live(g.RefreshToken.Secret.Reveal()) {
			t.Error("upstream was told: the test shows nothing")
		}
	})
	run(t, "goes on when the client disconnects", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = k.Logout(ctx, testkit.Material(k.Fake.Grant(user)), none)
		k.wantAlive(user, 0)
	})
	run(t, "finds the token beside a signed JWT, and the one from the body", testkit.Config{}, func(t *testing.T, k *kit) {
		ann, bob := k.Fake.NewUser("ann@example.com"), k.Fake.NewUser("bob@example.com")
		m := several(forged("1"), forged("2"), testkit.Material(k.Fake.ExpiredGrant(ann)))
		_ = k.Logout(t.Context(), m, k.Fake.Grant(bob).RefreshToken.Secret)
		k.wantAlive(ann, 0)
		k.wantAlive(bob, 0)
	})
	run(t, "with forged tokens makes no more upstream calls than their refresh", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.SetLatency(crossminttest.Logout, second)
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() { _ = k.Logout(t.Context(), forged(fmt.Sprint(i)), none) })
		}
		time.Sleep(second / 2)
		if calls := k.Fake.Calls().Logout; calls > 16 {
			t.Errorf("%d calls at once", calls)
		}
		time.Sleep(2400 * ms) // just before the timeouts
		if calls := k.Fake.Calls().Logout; calls > 48 {
			t.Errorf("%d calls in three seconds", calls)
		}
		all.Wait()
	})
	run(t, "works for many users whose JWTs are signed by a key that is gone", testkit.Config{Fake: crossminttest.Config{Algorithm: "EdDSA"}}, func(t *testing.T, k *kit) {
		k.Fake.SetLatency(crossminttest.Logout, 20*time.Millisecond)
		var users []session.Material
		for i := range 500 {
			users = append(users, k.SignIn(fmt.Sprintf("user%d@example.com", i)))
		}
		k.Fake.RotateKeys()
		k.fetchKeys()
		var all sync.WaitGroup
		for _, m := range users {
			all.Go(func() {
				if err := k.Logout(t.Context(), m, none); err != nil {
					t.Errorf("logout: %v", err)
				}
				if _, err := k.authenticate(m); testkit.Outcome(err) != testkit.Rejected {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
		all.Wait()
	})
	run(t, "with an old token ends its successor, although upstream does not connect them", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		m := testkit.Material(k.Fake.ExpiredGrant(user))
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		_ = k.Logout(t.Context(), m, none)
		k.wantAlive(user, 0)
		if _, err := k.authenticate(materialOf(result.Session)); testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the latest session still passes: %v", err)
		}
	})
}

// The event of a logout tells how upstream has responded.
func TestLogoutReportsTheStatus(t *testing.T) {
	for _, test := range []struct {
		status  int
		outcome event.Outcome
	}{
		{status: 200, outcome: event.LoggedOut},
		{status: 400, outcome: event.LogoutRejected},
		{status: 401, outcome: event.LogoutRejected},
		{status: 404, outcome: event.LogoutFailed}, // perhaps of a router: the base URL may be wrong
		{status: 403, outcome: event.LogoutFailed},
		{status: 500, outcome: event.LogoutFailed},
	} {
		run(t, fmt.Sprint(test.status), testkit.Config{}, func(t *testing.T, k *kit) {
			k.Fake.FailAlways(crossminttest.Logout, crossminttest.Status(test.status, "", `{}`))
			err := k.Logout(t.Context(), k.SignIn("ann@example.com"), none)
			last := k.All()[len(k.All())-1]
			wantStatus := test.status
			if test.status == 200 {
				wantStatus = 0
			}
			if last.Outcome != test.outcome || last.UpstreamStatus != wantStatus || (last.Err == nil) != (test.status == 200) {
				t.Errorf("event %s with status %d: %v", last.Outcome, last.UpstreamStatus, last.Err)
			}
			if (err != nil) != (test.outcome == event.LogoutFailed) {
				t.Errorf("Logout = %v", err)
			}
		})
	}
}

// A failure of upstream's logout that may pass is tried again within three seconds.
func TestLogoutIsTriedAgain(t *testing.T) {
	status := func(code int) crossminttest.Fault { return crossminttest.Status(code, "", `{}`) }
	for _, test := range []struct {
		name   string
		faults []crossminttest.Fault
		calls  int
		most   time.Duration
		failed bool
	}{
		{name: "reset", faults: []crossminttest.Fault{crossminttest.Reset()}, calls: 2, most: second / 4},
		{name: "429", faults: []crossminttest.Fault{status(429)}, calls: 2, most: second / 4},
		{name: "503", faults: []crossminttest.Fault{status(503)}, calls: 2, most: second / 4},
		{name: "503, Retry-After 2", faults: []crossminttest.Fault{status(503).With("Retry-After", "2")}, calls: 2, most: 2 * second},
		{name: "503, Retry-After 4", faults: []crossminttest.Fault{status(503).With("Retry-After", "4")}, calls: 1, failed: true},
		{name: "three times 502", faults: []crossminttest.Fault{status(502), status(502), status(502)}, calls: 4, most: 2 * second},
		{name: "401 is final", faults: []crossminttest.Fault{testkit.RejectedByUpstream()}, calls: 1},
		{name: "403 is final", faults: []crossminttest.Fault{status(403)}, calls: 1, failed: true},
	} {
		run(t, test.name, testkit.Config{}, func(t *testing.T, k *kit) {
			material := k.SignIn("ann@example.com")
			k.fetchKeys()
			k.Fake.Fail(crossminttest.Logout, test.faults...)
			started := time.Now()
			err := k.Logout(t.Context(), material, none)
			took := time.Since(started)
			if (err != nil) != test.failed || k.Fake.Calls().Logout != test.calls || took > test.most {
				t.Errorf("%d calls in %v: %v", k.Fake.Calls().Logout, took, err)
			}
		})
	}
}

// Signing keys that cannot be fetched do not use up the time of upstream's logout.
func TestLogoutWhileTheKeysAreUnavailable(t *testing.T) {
	run(t, "ends a session at upstream", testkit.Config{}, func(t *testing.T, k *kit) {
		material := k.SignIn("ann@example.com")
		k.Fake.FailAlways(crossminttest.JWKS, crossminttest.Hang())
		if err := k.Logout(t.Context(), material, none); err != nil || k.Fake.Calls().Logout != 1 {
			t.Errorf("%d calls of upstream's logout: %v", k.Fake.Calls().Logout, err)
		}
	})
	run(t, "ends an unverified grant at upstream", testkit.Config{}, func(t *testing.T, k *kit) {
		only := session.Material{RefreshToken: k.Expired("ann@example.com").RefreshToken}
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		_, err := k.authenticate(only)
		k.want(err, testkit.Unavailable, 1)
		time.Sleep(time.Minute)
		k.Fake.FailAlways(crossminttest.JWKS, crossminttest.Hang())
		if err := k.Logout(t.Context(), only, none); k.Fake.Calls().Logout != 1 {
			t.Errorf("%d calls of upstream's logout: %v", k.Fake.Calls().Logout, err)
		}
	})
}

// A logout is remembered for as long as the old token leads to its successor.
func TestLogoutIsRemembered(t *testing.T) {
	run(t, "although upstream was not told", testkit.Config{Fake: crossminttest.Config{JWTLifetime: 2 * time.Minute}}, func(t *testing.T, k *kit) {
		pair := testkit.Material(k.Fake.ExpiredGrant(k.Fake.NewUser("ann@example.com")))
		k.Fake.SetLatency(crossminttest.Refresh, second)
		ctx, cancel := context.WithTimeout(t.Context(), second/2)
		_, _ = k.Authenticate(ctx, pair) // disconnects; the refresh goes on
		cancel()
		time.Sleep(3 * time.Minute)
		k.Fake.FailAlways(crossminttest.Logout, testkit.BadGateway())
		_ = k.Logout(t.Context(), pair, none)
		for range 5 {
			time.Sleep(11 * time.Minute)
			if _, err := k.authenticate(pair); testkit.Outcome(err) == testkit.OK {
				t.Fatal("the old token signs in after its logout")
			}
		}
	})
}
