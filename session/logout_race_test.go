package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// timing tells when a call takes effect and when its response is sent, both since
// its arrival.
type timing struct{ effect, response time.Duration }

// setTiming sets the timing of all calls of an endpoint.
func (k *kit) setTiming(endpoint crossminttest.Endpoint, at timing) {
	k.Fake.SetLatency(endpoint, at.effect)
	k.Fake.FailAlways(endpoint, crossminttest.Delay(at.response-at.effect))
}

// A refresh and a logout can take effect in either order, and their responses
// can arrive in either order. The requests that refresh get no session, and no
// cookie is deleted that a new sign-in may have set.
func TestLogoutRacesRefreshInEveryOrder(t *testing.T) {
	orders := []struct {
		name            string
		refresh, logout timing
	}{
		{name: "refresh, logout; responses in that order", refresh: timing{100 * ms, 200 * ms}, logout: timing{150 * ms, 300 * ms}},
		{name: "refresh, logout; responses the other way", refresh: timing{100 * ms, 900 * ms}, logout: timing{150 * ms, 200 * ms}},
		{name: "logout, refresh; responses in that order", refresh: timing{150 * ms, 300 * ms}, logout: timing{100 * ms, 200 * ms}},
		{name: "logout, refresh; responses the other way", refresh: timing{150 * ms, 200 * ms}, logout: timing{100 * ms, 900 * ms}},
		{name: "the refresh ends after the timeout", refresh: timing{100 * ms, 9 * second}, logout: timing{150 * ms, 200 * ms}},
		{name: "the refresh is slow", refresh: timing{200 * ms, 200 * ms}, logout: timing{second, second}},
		{name: "the logout is slow", refresh: timing{second, second}, logout: timing{200 * ms, 200 * ms}},
	}
	policies := map[string]crossminttest.ReusePolicy{
		"grace": crossminttest.ReuseGrace, "refuse": crossminttest.ReuseRefuse, "revoke": crossminttest.ReuseRevokesFamily,
	}
	for _, order := range orders {
		for policy, reuse := range policies {
			run(t, order.name+", "+policy, testkit.Config{Fake: crossminttest.Config{Reuse: reuse}}, func(t *testing.T, k *kit) {
				user := k.Fake.NewUser("ann@example.com")
				pair := testkit.Material(k.Fake.ExpiredGrant(user))
				k.fetchKeys()
				k.setTiming(crossminttest.Refresh, order.refresh)
				k.setTiming(crossminttest.Logout, order.logout)
				var callers sync.WaitGroup
				for range 20 {
					callers.Go(func() {
						result, err := k.authenticate(pair)
						if testkit.Outcome(err) != testkit.Rejected || result.Renewed != nil {
							t.Errorf("a request that raced the logout: %v", err)
						}
					})
				}
				synctest.Wait()
				_ = k.Logout(t.Context(), pair, none)
				callers.Wait()
				time.Sleep(20 * second) // the revocations have ended
				k.wantAlive(user, 0)
				if _, err := k.authenticate(pair); testkit.Outcome(err) != testkit.Rejected {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

// The grant of a refresh that ends after the logout is revoked, with one retry.
// An event tells if that fails.
func TestLateGrantIsRevoked(t *testing.T) {
	race := func(t *testing.T, k *kit, faults ...crossminttest.Fault) (user session.User) {
		user = k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.ExpiredGrant(user))
		k.fetchKeys()
		k.Fake.Fail(crossminttest.Refresh, crossminttest.Delay(second))
		k.Fake.Fail(crossminttest.Logout, append([]crossminttest.Fault{{}}, faults...)...)
		go func() { _, _ = k.authenticate(pair) }()
		synctest.Wait()
		_ = k.Logout(t.Context(), pair, none)
		time.Sleep(10 * second)
		return user
	}
	run(t, "at once", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		user := race(t, k)
		k.wantAlive(user, 0)
		if !k.Has(event.Revoked) {
			t.Errorf("events %v", k.Outcomes())
		}
	})
	run(t, "after an incomplete response", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		user := race(t, k, crossminttest.Reset())
		k.wantAlive(user, 0)
		if !k.Has(event.Revoked) {
			t.Errorf("events %v", k.Outcomes())
		}
	})
	run(t, "a token that upstream does not know counts as revoked", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		race(t, k, testkit.RejectedByUpstream())
		if k.Has(event.RevokeFailed) || !k.Has(event.Revoked) {
			t.Errorf("events %v", k.Outcomes())
		}
	})
	run(t, "an event tells that upstream was unavailable", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		race(t, k, slices.Repeat([]crossminttest.Fault{crossminttest.Status(http.StatusInternalServerError, "", "")}, 10)...)
		if !k.Has(event.RevokeFailed) || k.Has(event.Revoked) {
			t.Errorf("events %v", k.Outcomes())
		}
	})
}

// A refresh that waits for its retry notices a logout.
func TestLogoutBetweenRetries(t *testing.T) {
	run(t, "of the refresh route", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.ExpiredGrant(user))
		k.fetchKeys()
		k.Fake.Fail(crossminttest.Refresh, crossminttest.Status(503, "", "").With("Retry-After", "3"))
		result := make(chan error)
		go func() {
			_, err := k.Refresh(t.Context(), pair, none)
			result <- err
		}()
		time.Sleep(second)
		_ = k.Logout(t.Context(), pair, none)
		if err := <-result; testkit.Outcome(err) != testkit.Rejected || !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("the refresh: %v", err)
		}
		k.wantAlive(user, 0)
		if calls := k.Fake.Calls().Refresh; calls != 1 {
			t.Errorf("upstream was asked %d times, want once", calls)
		}
	})
}

// An early refresh goes on after its request has been served.
func TestLogoutRacesEarlyRefresh(t *testing.T) {
	run(t, "its grant is revoked", testkit.Config{Fake: crossminttest.Config{JWTLifetime: 10 * time.Minute, Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.Grant(user))
		_, _ = k.authenticate(pair)
		time.Sleep(575 * second)
		k.Fake.Fail(crossminttest.Refresh, crossminttest.Delay(3*second))
		_, err := k.authenticate(pair)
		k.want(err, testkit.OK, 1)
		_ = k.Logout(t.Context(), pair, none)
		time.Sleep(5 * second)
		k.wantAlive(user, 0)
		_, err = k.authenticate(pair)
		k.want(err, testkit.Rejected, 1)
	})
}

// An unverified grant is revoked, too, also while it is being verified.
func TestLogoutRacesUnverifiedGrant(t *testing.T) {
	run(t, "that is being verified", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		token := k.Fake.Grant(user).RefreshToken.Secret.Reveal()
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		_, err := k.authenticate(refreshToken(token))
		k.want(err, testkit.Unavailable, 1)
		k.Fake.Heal()
		time.Sleep(5 * second)
		k.Fake.SetLatency(crossminttest.JWKS, 2*second)
		result := make(chan error)
		go func() {
			_, err := k.authenticate(refreshToken(token))
			result <- err
		}()
		time.Sleep(second)
		_ = k.Logout(t.Context(), refreshToken(token), none)
		if err := <-result; testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the racing request: %v", err)
		}
		time.Sleep(5 * second)
		k.wantAlive(user, 0)
	})
}

// A sign-in ends the session that the browser brought, also one whose grant is
// not verified yet.
func TestSignInEndsUnverifiedGrant(t *testing.T) {
	run(t, "at upstream", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		former := testkit.Material(k.Fake.ExpiredGrant(user))
		k.Fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(members map[string]any) { members["jwt"] = k.Fake.ForeignJWT(user) }))
		_, err := k.authenticate(former)
		k.want(err, testkit.Rejected, 1)
		result, err := k.Manager.SignIn(t.Context(), former, session.NewSecret(k.Fake.OneTimeSecret(k.Fake.NewUser("bob@example.com"))))
		k.want(err, testkit.OK, 2)
		result.Renewed.Delivered(t.Context(), nil)
		time.Sleep(5 * second)
		k.wantAlive(user, 0)
	})
}

// A response with an earlier pair of a session may arrive after its logout. It
// opens nothing, and one whose header is not written yet is stopped.
func TestEarlierPairsAfterLogout(t *testing.T) {
	refresh := func(t *testing.T, k *kit, m session.Material) session.Result {
		t.Helper()
		result, err := k.Refresh(t.Context(), m, none)
		testkit.NoError(t, err)
		return result
	}
	wantEnded := func(t *testing.T, k *kit, name string, m session.Material) {
		t.Helper()
		if _, err := k.authenticate(m); testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("%s after the logout: %v", name, err)
		}
	}
	once := testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}
	run(t, "a response that waits, the later pair undelivered", once, func(t *testing.T, k *kit) {
		first := k.SignIn("ann@example.com")
		slow := refresh(t, k, first)
		second := refresh(t, k, first) // the same grant, which arrives
		second.Renewed.Delivered(t.Context(), nil)
		third := refresh(t, k, materialOf(second.Session))
		time.Sleep(30 * time.Second)
		testkit.NoError(t, k.Logout(t.Context(), materialOf(third.Session), none))
		if err := slow.Check(); !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("the response that waits: %v", err)
		}
	})
	run(t, "the pair before, both delivered", once, func(t *testing.T, k *kit) {
		first := k.SignIn("ann@example.com")
		second := refresh(t, k, first)
		second.Renewed.Delivered(t.Context(), nil)
		third := refresh(t, k, materialOf(second.Session))
		third.Renewed.Delivered(t.Context(), nil)
		time.Sleep(20 * time.Second)
		testkit.NoError(t, k.Logout(t.Context(), materialOf(third.Session), none))
		wantEnded(t, k, "the pair before", materialOf(second.Session))
	})
	run(t, "another JWT with the same refresh token", once, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		m := k.managerWith(changedUpstream{refresh: func(_ context.Context, token session.Secret) (*session.Grant, error) {
			g := k.Fake.Grant(user)
			g.RefreshToken.Secret = token // this upstream does not rotate
			return &g, nil
		}})
		pair := testkit.Material(k.Fake.Grant(user))
		earlier := testkit.Must(m.Refresh(t.Context(), pair, none)).Session
		time.Sleep(time.Second)
		later := testkit.Must(m.Refresh(t.Context(), pair, none)).Session
		testkit.NoError(t, m.Logout(t.Context(), materialOf(later), none))
		if _, err := m.Authenticate(t.Context(), materialOf(earlier)); testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the earlier JWT after the logout: %v", err)
		}
	})
}

// Upstream may send the same grant to two processes. If the user logs out with its token
// before the response arrives here, nothing but that token tells that.
func TestLogoutWithTheTokenThatARefreshBrings(t *testing.T) {
	run(t, "the request gets no session", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseGrace}}, func(t *testing.T, k *kit) {
		pair := k.Expired("ann@example.com")
		k.fetchKeys()
		elsewhere, err := k.NewManager(session.Config{Upstream: k.NewClient(nil)}).Authenticate(t.Context(), pair)
		testkit.NoError(t, err)
		k.setTiming(crossminttest.Refresh, timing{100 * ms, 500 * ms})
		var all sync.WaitGroup
		all.Go(func() {
			result, err := k.authenticate(pair)
			if testkit.Outcome(err) != testkit.Rejected || result.Session != nil {
				t.Errorf("outcome %s (%v), want %s", testkit.Outcome(err), err, testkit.Rejected)
			}
		})
		time.Sleep(200 * ms)
		testkit.NoError(t, k.Logout(t.Context(), materialOf(elsewhere.Session), none))
		all.Wait()
	})
}
