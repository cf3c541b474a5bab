package session_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// timing is when a call takes effect and when it is answered, both from the
// moment at which it arrives.
type timing struct{ effect, answer time.Duration }

const ms = time.Millisecond

// plan makes the calls of an endpoint follow the timing.
func (w *world) plan(endpoint crossminttest.Endpoint, at timing) {
	w.fake.SetLatency(endpoint, at.effect)
	w.fake.FailAlways(endpoint, crossminttest.Delay(at.answer-at.effect))
}

// pairOf returns the user's material as often as it is wanted: a Material is
// for one request.
func pairOf(g session.Grant) func() session.Material {
	return func() session.Material {
		return session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
	}
}

// A refresh and a logout can take effect in either order and be answered in
// either order. Whoever asked for the refresh gets nothing that outlives the
// logout, and nothing is cleared that a new login may have set.
func TestLogoutRacesRefreshInEveryOrder(t *testing.T) {
	orders := map[string]struct{ refresh, logout timing }{
		"refresh, logout; answers in that order":  {timing{100 * ms, 200 * ms}, timing{150 * ms, 300 * ms}},
		"refresh, logout; answers the other way":  {timing{100 * ms, 900 * ms}, timing{150 * ms, 200 * ms}},
		"logout, refresh; answers in that order":  {timing{150 * ms, 300 * ms}, timing{100 * ms, 200 * ms}},
		"logout, refresh; answers the other way":  {timing{150 * ms, 200 * ms}, timing{100 * ms, 900 * ms}},
		"the refresh is answered after the limit": {timing{100 * ms, 9 * second}, timing{150 * ms, 200 * ms}},
	}
	policies := map[string]crossminttest.ReusePolicy{
		"grace": crossminttest.ReuseGrace, "refuse": crossminttest.ReuseRefuse, "revoke": crossminttest.ReuseRevokesFamily,
	}
	for name, order := range orders {
		for policy, reuse := range policies {
			in(t, name+", "+policy, crossminttest.Config{Reuse: reuse}, session.Config{}, func(t *testing.T, w *world) {
				user := w.fake.NewUser("ann@example.com")
				pair := pairOf(w.fake.ExpiredGrant(user))
				_, _ = w.authenticate(w.signIn("warm@example.com"))
				w.plan(crossminttest.Refresh, order.refresh)
				w.plan(crossminttest.Logout, order.logout)
				var herd sync.WaitGroup
				for range 20 {
					herd.Go(func() {
						result, err := w.authenticate(pair())
						if kind(err) != "KEEP401" || result.Renewed != nil {
							t.Errorf("a request that raced the logout: %v", err)
						}
					})
				}
				synctest.Wait()
				_ = w.Logout(t.Context(), pair(), session.Secret{})
				herd.Wait()
				time.Sleep(20 * second) // whatever is revoked late is revoked by now
				if live := w.fake.LiveOf(user.ID); live != 0 {
					t.Errorf("%d refresh tokens live on", live)
				}
				if _, err := w.authenticate(pair()); kind(err) != "KEEP401" {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

// What a refresh brought after the logout is revoked, also by a second try,
// and an event tells where that fails.
func TestLateGrantIsRevoked(t *testing.T) {
	race := func(t *testing.T, w *world, faults ...crossminttest.Fault) (user session.User) {
		user = w.fake.NewUser("ann@example.com")
		pair := pairOf(w.fake.ExpiredGrant(user))
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.Fail(crossminttest.Refresh, crossminttest.Delay(second))
		w.fake.Fail(crossminttest.Logout, append([]crossminttest.Fault{{}}, faults...)...)
		go func() { _, _ = w.authenticate(pair()) }()
		synctest.Wait()
		_ = w.Logout(t.Context(), pair(), session.Secret{})
		time.Sleep(10 * second)
		return user
	}
	in(t, "at once", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		user := race(t, w)
		if live := w.fake.LiveOf(user.ID); live != 0 || !w.reported(session.Revoked) {
			t.Errorf("%d refresh tokens live on, events %v", live, w.outcomes())
		}
	})
	in(t, "after an answer that was cut off", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		user := race(t, w, crossminttest.Reset())
		if live := w.fake.LiveOf(user.ID); live != 0 || !w.reported(session.Revoked) {
			t.Errorf("%d refresh tokens live on, events %v", live, w.outcomes())
		}
	})
	in(t, "and one that upstream does not know is over", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		race(t, w, refusing())
		if w.reported(session.RevokeFailed) || !w.reported(session.Revoked) {
			t.Errorf("events %v", w.outcomes())
		}
	})
	in(t, "or an event says that it was not", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		race(t, w, crossminttest.Status(http.StatusInternalServerError, "", ""))
		if !w.reported(session.RevokeFailed) || w.reported(session.Revoked) {
			t.Errorf("events %v", w.outcomes())
		}
	})
}

// A refresh that waits for its next try finds out that its user has left.
func TestLogoutBetweenTries(t *testing.T) {
	in(t, "of the refresh route", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		pair := pairOf(w.fake.ExpiredGrant(user))
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.Fail(crossminttest.Refresh, crossminttest.Status(503, "", "").With("Retry-After", "3"))
		result := make(chan error)
		go func() {
			_, err := w.Refresh(t.Context(), pair(), session.Secret{})
			result <- err
		}()
		time.Sleep(second)
		_ = w.Logout(t.Context(), pair(), session.Secret{})
		if err := <-result; kind(err) != "KEEP401" || !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("the refresh: %v", err)
		}
		if calls, live := w.fake.Calls().Refresh, w.fake.LiveOf(user.ID); calls != 1 || live != 0 {
			t.Errorf("upstream was asked %d times, %d refresh tokens live on", calls, live)
		}
	})
}

// An early refresh goes on behind a request that has long been served.
func TestLogoutRacesEarlyRefresh(t *testing.T) {
	in(t, "no successor lives", crossminttest.Config{JWTLifetime: 10 * time.Minute, Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		pair := pairOf(w.fake.Grant(user))
		_, _ = w.authenticate(pair())
		time.Sleep(575 * second)
		w.fake.Fail(crossminttest.Refresh, crossminttest.Delay(3*second))
		_, err := w.authenticate(pair())
		w.want(err, "OK", 1)
		_ = w.Logout(t.Context(), pair(), session.Secret{})
		time.Sleep(5 * second)
		if live := w.fake.LiveOf(user.ID); live != 0 {
			t.Errorf("%d refresh tokens live on", live)
		}
		_, err = w.authenticate(pair())
		w.want(err, "KEEP401", 1)
	})
}

// A grant that could not be judged when its user logged out is revoked, too,
// also while a second attempt to judge it is on its way.
func TestLogoutRacesKeptSuccessor(t *testing.T) {
	in(t, "judged meanwhile", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		token := w.fake.Grant(user).RefreshToken.Secret.Reveal()
		w.fake.FailAlways(crossminttest.JWKS, down())
		_, err := w.authenticate(session.NewMaterial("", token))
		w.want(err, "KEEP503", 1)
		w.fake.Heal()
		time.Sleep(5 * second)
		w.fake.SetLatency(crossminttest.JWKS, 2*second)
		result := make(chan error)
		go func() {
			_, err := w.authenticate(session.NewMaterial("", token))
			result <- err
		}()
		time.Sleep(second)
		_ = w.Logout(t.Context(), session.NewMaterial("", token), session.Secret{})
		if err := <-result; kind(err) != "KEEP401" {
			t.Errorf("the racing request: %v", err)
		}
		time.Sleep(5 * second)
		if live := w.fake.LiveOf(user.ID); live != 0 {
			t.Errorf("%d refresh tokens live on", live)
		}
	})
}

// A caller that goes away, be it the first, takes the refresh from nobody.
func TestFirstOfAHerdLeaves(t *testing.T) {
	in(t, "the others are served", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		pair := pairOf(w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com")))
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.SetLatency(crossminttest.Refresh, 2*second)
		leaving, leave := context.WithTimeout(t.Context(), second)
		defer leave()
		var herd sync.WaitGroup
		herd.Go(func() {
			if _, err := w.Authenticate(leaving, pair()); kind(err) != "KEEP503" {
				t.Errorf("who left: %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			herd.Go(func() {
				if result, err := w.authenticate(pair()); err != nil || result.Renewed == nil {
					t.Errorf("who stayed: %v", err)
				}
			})
		}
		herd.Wait()
		w.want(nil, "OK", 1)
	})
}
