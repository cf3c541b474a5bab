package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestLogout(t *testing.T) {
	none := session.Secret{}
	in(t, "ends the session here and upstream", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		g := w.fake.Grant(user)
		m := session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
		_, err := w.authenticate(m)
		w.want(err, "OK", 0)
		if err := w.Logout(t.Context(), m, none); err != nil {
			t.Fatal(err)
		}
		if live := w.fake.LiveOf(user.ID); live != 0 {
			t.Errorf("%d refresh tokens live on", live)
		}
		_, err = w.authenticate(m)
		w.want(err, "KEEP401", 0)
		if !errors.Is(err, session.ErrLoggedOut) || !w.reported(session.LoggedOut) {
			t.Errorf("err = %v, events %v", err, w.outcomes())
		}
	})
	in(t, "denies the JWT by itself", crossminttest.Config{}, session.Config{AllowJWTAlone: true}, func(t *testing.T, w *world) {
		m := session.NewMaterial(w.fake.JWT(w.fake.NewUser("ann@example.com")), "")
		_ = w.Logout(t.Context(), m, none)
		_, err := w.authenticate(m)
		w.want(err, "KEEP401", 0)
		if calls := w.fake.Calls().Logout; calls != 0 {
			t.Errorf("upstream was told %d times of nothing", calls)
		}
	})
	in(t, "waits three seconds for an upstream that hangs", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Logout, crossminttest.Hang())
		started := time.Now()
		err := w.Logout(t.Context(), w.signIn("ann@example.com"), none)
		if took := time.Since(started); !errors.Is(err, session.ErrUnavailable) || took != 3*second || !w.reported(session.LogoutFailed) {
			t.Errorf("%v after %v, events %v", err, took, w.outcomes())
		}
		if calls := w.fake.Calls().Logout; calls != 1 {
			t.Errorf("%d tries", calls)
		}
	})
	in(t, "of a token that upstream does not know is none that failed", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Logout, refusing())
		err := w.Logout(t.Context(), w.signIn("ann@example.com"), none)
		if err != nil || !w.reported(session.LoggedOut) || w.reported(session.LogoutFailed) {
			t.Errorf("%v, events %v", err, w.outcomes())
		}
	})
	in(t, "that upstream never heard of is remembered for minutes", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		g := w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com"))
		pair := pairOf(g)
		w.fake.FailAlways(crossminttest.Logout, down())
		_ = w.Logout(t.Context(), pair(), none)
		time.Sleep(9 * time.Minute)
		_, err := w.authenticate(pair())
		w.want(err, "KEEP401", 0)
		if !w.fake.Live(g.RefreshToken.Secret.Reveal()) {
			t.Error("upstream knows: the test shows nothing")
		}
	})
	in(t, "goes on when the client has gone", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		g := w.fake.Grant(user)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = w.Logout(ctx, session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()), none)
		if live := w.fake.LiveOf(user.ID); live != 0 {
			t.Errorf("%d refresh tokens live on", live)
		}
	})
	in(t, "finds the live token behind dead ones, and the one given apart", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		ann, bob := w.fake.NewUser("ann@example.com"), w.fake.NewUser("bob@example.com")
		g := w.fake.ExpiredGrant(ann)
		var m session.Material
		m.Add("noise", "dead", 1)
		m.Add("noise", "dead too", 1)
		m.Add(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal(), 1)
		_ = w.Logout(t.Context(), m, w.fake.Grant(bob).RefreshToken.Secret)
		if a, b := w.fake.LiveOf(ann.ID), w.fake.LiveOf(bob.ID); a != 0 || b != 0 {
			t.Errorf("%d and %d refresh tokens live on", a, b)
		}
	})
	in(t, "with made-up tokens costs upstream no more than their refresh", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.SetLatency(crossminttest.Logout, second)
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() { _ = w.Logout(t.Context(), made(fmt.Sprint(i)), none) })
		}
		time.Sleep(second / 2)
		if calls := w.fake.Calls().Logout; calls > 16 {
			t.Errorf("%d calls at once", calls)
		}
		all.Wait()
		if calls := w.fake.Calls().Logout; calls > 90 {
			t.Errorf("%d calls in three seconds", calls)
		}
	})
	in(t, "works for a crowd whose JWTs are signed by a key that is gone", crossminttest.Config{Algorithm: "EdDSA"}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.SetLatency(crossminttest.Logout, 20*time.Millisecond)
		var crowd []session.Material
		for i := range 500 {
			crowd = append(crowd, w.signIn(fmt.Sprintf("user%d@example.com", i)))
		}
		w.fake.RotateKeys()
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		var all sync.WaitGroup
		for _, m := range crowd {
			all.Go(func() {
				if err := w.Logout(t.Context(), m, none); err != nil {
					t.Errorf("logout: %v", err)
				}
				if _, err := w.authenticate(m); kind(err) != "KEEP401" {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
		all.Wait()
	})
	in(t, "with an old token ends its successor, which upstream would not know it by", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		g := w.fake.ExpiredGrant(user)
		m := session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
		result, err := w.authenticate(m)
		w.want(err, "OK", 1)
		_ = w.Logout(t.Context(), m, none)
		if live := w.fake.LiveOf(user.ID); live != 0 {
			t.Errorf("%d refresh tokens live on", live)
		}
		newest := session.NewMaterial(result.Session.JWT.Reveal(), result.Session.RefreshToken.Secret.Reveal())
		if _, err := w.authenticate(newest); kind(err) != "KEEP401" {
			t.Errorf("the newest session still passes: %v", err)
		}
	})
}

// Whichever answer comes first, no refresh token survives a logout that
// happens in the middle of a refresh.
func TestLogoutRacesRefresh(t *testing.T) {
	latencies := map[string]struct{ refresh, logout time.Duration }{
		"the refresh answers first": {200 * time.Millisecond, second},
		"the logout answers first":  {second, 200 * time.Millisecond},
	}
	for name, latency := range latencies {
		for policy, reuse := range map[string]crossminttest.ReusePolicy{"grace": crossminttest.ReuseGrace, "refuse": crossminttest.ReuseRefuse} {
			in(t, name+", "+policy, crossminttest.Config{Reuse: reuse}, session.Config{}, func(t *testing.T, w *world) {
				user := w.fake.NewUser("ann@example.com")
				g := w.fake.ExpiredGrant(user)
				m := func() session.Material {
					return session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
				}
				_, _ = w.authenticate(w.signIn("warm@example.com"))
				w.fake.SetLatency(crossminttest.Refresh, latency.refresh)
				w.fake.SetLatency(crossminttest.Logout, latency.logout)
				refreshed := make(chan error)
				go func() {
					_, err := w.authenticate(m())
					refreshed <- err
				}()
				synctest.Wait()
				_ = w.Logout(t.Context(), m(), session.Secret{})
				if err := <-refreshed; kind(err) == "CLEAR" || kind(err) == "OK" && w.fake.LiveOf(user.ID) > 0 && latency.refresh < latency.logout {
					t.Logf("the racing request got %v", err)
				}
				time.Sleep(5 * second)
				if live := w.fake.LiveOf(user.ID); live != 0 {
					t.Errorf("%d refresh tokens live on", live)
				}
				if _, err := w.authenticate(m()); kind(err) != "KEEP401" {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

// Keys that cannot be fetched leave upstream's own logout its time.
func TestLogoutWhileTheKeysHang(t *testing.T) {
	in(t, "of a session is told upstream", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		material := w.signIn("ann@example.com")
		w.fake.FailAlways(crossminttest.JWKS, crossminttest.Hang())
		if err := w.Logout(t.Context(), material, session.Secret{}); err != nil || w.fake.Calls().Logout != 1 {
			t.Errorf("%d calls of upstream's logout: %v", w.fake.Calls().Logout, err)
		}
	})
	in(t, "of a successor that could not be judged is told upstream", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		g := w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com"))
		only := func() session.Material { return session.NewMaterial("", g.RefreshToken.Secret.Reveal()) }
		w.fake.FailAlways(crossminttest.JWKS, down())
		_, err := w.authenticate(only())
		w.want(err, "KEEP503", 1)
		time.Sleep(time.Minute)
		w.fake.FailAlways(crossminttest.JWKS, crossminttest.Hang())
		if err := w.Logout(t.Context(), only(), session.Secret{}); w.fake.Calls().Logout != 1 {
			t.Errorf("%d calls of upstream's logout: %v", w.fake.Calls().Logout, err)
		}
	})
}

// As long as the old token leads to its successor, its logout is remembered.
func TestLogoutOutlivesWhatFollows(t *testing.T) {
	in(t, "though upstream was not told", crossminttest.Config{JWTLifetime: 2 * time.Minute}, session.Config{}, func(t *testing.T, w *world) {
		pair := pairOf(w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com")))
		w.fake.SetLatency(crossminttest.Refresh, second)
		ctx, leave := context.WithTimeout(t.Context(), second/2)
		_, _ = w.Authenticate(ctx, pair()) // goes away; the refresh goes on
		leave()
		time.Sleep(3 * time.Minute)
		w.fake.FailAlways(crossminttest.Logout, down())
		_ = w.Logout(t.Context(), pair(), session.Secret{})
		for range 5 {
			time.Sleep(11 * time.Minute)
			if _, err := w.authenticate(pair()); kind(err) == "OK" {
				t.Fatal("the old token signs in after its logout")
			}
		}
	})
}
