package session_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestAuthenticate(t *testing.T) {
	in(t, "a valid JWT passes without a call, whatever is broken", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m := w.signIn("ann@example.com")
		_, err := w.authenticate(m)
		w.want(err, "OK", 0)
		w.fake.FailAlways(crossminttest.Any, crossminttest.Reset())
		time.Sleep(59 * time.Minute)
		result, err := w.authenticate(m)
		w.want(err, "OK", 0)
		if result.Renewed != nil || result.Session.UserID == "" || result.Session.RefreshToken.Secret.IsZero() {
			t.Errorf("result = %+v", result)
		}
		// One at first, one in the background, which net/http may repeat.
		if jwks := w.fake.Calls().JWKS; jwks > 3 {
			t.Errorf("keys were fetched %d times", jwks)
		}
	})
	in(t, "an expired JWT is renewed once", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		result, err := w.authenticate(w.expired("ann@example.com"))
		w.want(err, "OK", 1)
		if result.Renewed == nil || !result.Session.JWT.Equal(result.Renewed.Grant.JWT) {
			t.Errorf("result = %+v", result)
		}
		if !w.reported(session.Refreshed) {
			t.Errorf("events = %v", w.outcomes())
		}
	})
	in(t, "keys that are unavailable decide nothing", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.JWKS, down())
		_, err := w.authenticate(w.signIn("ann@example.com"))
		w.want(err, "KEEP503", 0)
	})
	in(t, "a successor that cannot be judged is kept until the keys are back", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.JWKS, down())
		g := w.fake.Grant(w.fake.NewUser("ann@example.com"))
		m := session.NewMaterial("", g.RefreshToken.Secret.Reveal())
		_, err := w.authenticate(m)
		w.want(err, "KEEP503", 1)
		w.fake.Heal()
		time.Sleep(5 * second)
		_, err = w.authenticate(m)
		w.want(err, "OK", 1)
	})
	in(t, "a kept successor whose JWT has expired is exchanged on", crossminttest.Config{JWTLifetime: 2 * time.Minute}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.JWKS, down())
		g := w.fake.Grant(w.fake.NewUser("ann@example.com"))
		m := session.NewMaterial("", g.RefreshToken.Secret.Reveal())
		_, err := w.authenticate(m)
		w.want(err, "KEEP503", 1)
		w.fake.Heal()
		time.Sleep(5 * time.Minute) // longer than upstream's own grace
		_, err = w.authenticate(m)
		w.want(err, "OK", 2)
	})
	in(t, "a new key in upstream's own answer is fetched at once", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		m := w.expired("ann@example.com")
		time.Sleep(2 * second)
		w.fake.AddKey()
		_, err := w.authenticate(m)
		w.want(err, "OK", 1)
		if jwks := w.fake.Calls().JWKS; jwks != 2 {
			t.Errorf("keys were fetched %d times", jwks)
		}
	})
	in(t, "published keys that lag behind cost nobody a session", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.SetJWKS(w.fake.JWKS())
		w.fake.AddKey()
		m := w.expired("ann@example.com")
		for range 60 {
			if _, err := w.authenticate(m); kind(err) != "KEEP503" {
				t.Fatalf("meanwhile: %v", err)
			}
			time.Sleep(3 * second)
		}
		w.fake.SetJWKS(nil)
		time.Sleep(31 * second)
		if _, err := w.authenticate(m); err != nil {
			t.Errorf("once they are published: %v", err)
		}
	})
	for name, claims := range map[string]map[string]any{
		"is not valid yet":          {"nbf": time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC).Unix()},
		"has expired when it comes": {"exp": time.Date(1999, 12, 31, 23, 59, 0, 0, time.UTC).Unix(), "iat": time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC).Unix()},
	} {
		in(t, "a new JWT that by our clock "+name+" loses no successor", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
			user := w.fake.NewUser("ann@example.com")
			m := w.expired("ann@example.com")
			w.fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(a map[string]any) { a["jwt"] = w.fake.Sign(user, nil, claims) }))
			_, err := w.authenticate(m)
			w.want(err, "KEEP503", 1)
			time.Sleep(2 * time.Minute)
			if _, err = w.authenticate(m); err != nil {
				t.Errorf("later: %v", err)
			}
		})
	}
	in(t, "an old JWT without a refresh token hides no live session", crossminttest.Config{}, session.Config{AllowJWTAlone: true}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		var m session.Material
		m.Add("", w.fake.Grant(user).RefreshToken.Secret.Reveal(), 1)
		m.Add(w.fake.ExpiredJWT(user), "", 2)
		_, err := w.authenticate(m)
		w.want(err, "OK", 1)
	})
	in(t, "another user's refresh token makes another user's session", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		ann, bob := w.fake.NewUser("ann@example.com"), w.fake.NewUser("bob@example.com")
		m := session.NewMaterial(w.fake.ExpiredJWT(ann), w.fake.Grant(bob).RefreshToken.Secret.Reveal())
		result, err := w.authenticate(m)
		w.want(err, "OK", 1)
		if result.Session.UserID != bob.ID || !w.reported(session.UserChanged) {
			t.Errorf("session of %s, events %v", result.Session.UserID, w.outcomes())
		}
	})
	in(t, "a JWT alone, where that will do", crossminttest.Config{}, session.Config{AllowJWTAlone: true}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		_, err := w.authenticate(session.NewMaterial(w.fake.JWT(user), ""))
		w.want(err, "OK", 0)
		_, err = w.authenticate(session.NewMaterial(w.fake.ExpiredJWT(user), ""))
		w.want(err, "KEEP401", 0)
	})
	in(t, "oversize tokens are as good as none", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		long := fmt.Sprintf("%*d", session.MaxJWTBytes+1, 0)
		_, err := w.authenticate(session.NewMaterial(long, long))
		w.want(err, "KEEP401", 0)
		if !errors.Is(err, session.ErrNoMaterial) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestSeveralPairs(t *testing.T) {
	in(t, "a live pair behind a dead one is found", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		live := w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com"))
		var m session.Material
		m.Add("", "dead", 7)
		m.Add("", live.RefreshToken.Secret.Reveal(), 8)
		result, err := w.authenticate(m)
		w.want(err, "OK", 2)
		if result.Renewed.Source != 8 || len(result.Renewed.Dead) != 1 || result.Renewed.Dead[0] != 7 {
			t.Errorf("source %d, dead %v", result.Renewed.Source, result.Renewed.Dead)
		}
	})
	in(t, "the correctly signed JWT that ends last leads", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		live := w.fake.ExpiredGrant(user)
		var m session.Material
		m.Add("noise", "dead", 1)
		m.Add(live.JWT.Reveal(), live.RefreshToken.Secret.Reveal(), 2)
		result, err := w.authenticate(m)
		w.want(err, "OK", 1)
		if result.Renewed.Source != 2 {
			t.Errorf("source %d", result.Renewed.Source)
		}
	})
	in(t, "of many tokens two are asked about, and nothing is cleared for the rest", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		var m session.Material
		for i := range 4 {
			m.Add("", fmt.Sprint("dead", i), i)
		}
		_, err := w.authenticate(m)
		w.want(err, "KEEP401", 2)
		_, err = w.authenticate(m) // the first two are known by now
		w.want(err, "CLEAR", 4)
	})
	in(t, "a refusal in doubt ends the search, and no cookie is given up for it", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		ann, other := w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com")), w.fake.ExpiredGrant(w.fake.NewUser("mallory@example.com"))
		_, err := w.authenticate(session.NewMaterial(ann.JWT.Reveal(), ann.RefreshToken.Secret.Reveal()))
		w.want(err, "OK", 1)
		time.Sleep(time.Minute)
		var late session.Material
		late.Add(ann.JWT.Reveal(), ann.RefreshToken.Secret.Reveal(), 1)
		late.Add(other.JWT.Reveal(), other.RefreshToken.Secret.Reveal(), 2)
		result, err := w.authenticate(late)
		if kind(err) != "KEEP401" || result.Renewed != nil {
			t.Errorf("%v, renewed %v", err, result.Renewed)
		}
	})
	in(t, "an outage ends the search", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, down())
		var m session.Material
		m.Add("", "one", 1)
		m.Add("", "two", 2)
		_, err := w.authenticate(m)
		w.want(err, "KEEP503", 1)
	})
}

func TestPatience(t *testing.T) {
	in(t, "a request waits ten seconds, and its refresh goes on", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m := w.expired("ann@example.com")
		w.fake.SetLatency(crossminttest.Refresh, 9900*time.Millisecond)
		_, _ = w.authenticate(w.signIn("bob@example.com")) // has the keys fetched
		w.fake.SetLatency(crossminttest.JWKS, 3*second)
		started := time.Now()
		_, err := w.authenticate(m)
		w.want(err, "OK", 1)
		if waited := time.Since(started); waited > 10*second {
			t.Errorf("waited %v", waited)
		}
	})
	in(t, "what comes too late is found by the next", crossminttest.Config{}, session.Config{Patience: second}, func(t *testing.T, w *world) {
		m := w.expired("ann@example.com")
		w.fake.SetLatency(crossminttest.Refresh, 3*second)
		_, err := w.authenticate(m)
		w.want(err, "KEEP503", 1)
		time.Sleep(time.Minute)
		_, err = w.authenticate(m)
		w.want(err, "OK", 1)
	})
	in(t, "our own timeout is not tried again", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		_, err := w.authenticate(w.expired("ann@example.com"))
		w.want(err, "KEEP503", 1)
		time.Sleep(time.Minute)
		w.want(err, "KEEP503", 1)
	})
	in(t, "an answer that was cut off is asked for once more", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.Fail(crossminttest.Refresh, crossminttest.LoseAnswer())
		_, err := w.authenticate(w.expired("ann@example.com"))
		w.want(err, "OK", 2)
		w.fake.Fail(crossminttest.Refresh, crossminttest.Truncate(), crossminttest.LoseAnswer())
		_, err = w.authenticate(w.expired("bob@example.com"))
		w.want(err, "KEEP503", 4)
	})
	in(t, "what was never sent is sent within a second", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m := w.expired("ann@example.com")
		_, _ = w.authenticate(w.signIn("bob@example.com"))
		w.fake.Down()
		go func() {
			time.Sleep(200 * time.Millisecond)
			_ = w.fake.Up()
		}()
		_, err := w.authenticate(m)
		w.want(err, "OK", 1)
	})
}

func TestEarlyRefresh(t *testing.T) {
	config := crossminttest.Config{JWTLifetime: 10 * time.Minute} // the window is the last 30 s
	in(t, "in the last part of its life a JWT is renewed", config, session.Config{}, func(t *testing.T, w *world) {
		m := w.signIn("ann@example.com")
		time.Sleep(569 * second)
		result, err := w.authenticate(m)
		w.want(err, "OK", 0)
		if result.Renewed != nil {
			t.Error("renewed before the window")
		}
		time.Sleep(2 * second)
		result, err = w.authenticate(m)
		w.want(err, "OK", 1)
		if result.Renewed == nil {
			t.Error("not renewed within the window")
		}
	})
	in(t, "a short-lived JWT has a tenth", crossminttest.Config{JWTLifetime: 20 * second}, session.Config{}, func(t *testing.T, w *world) {
		m := w.signIn("ann@example.com")
		time.Sleep(17 * second)
		_, err := w.authenticate(m)
		w.want(err, "OK", 0)
		time.Sleep(1500 * time.Millisecond)
		_, err = w.authenticate(m)
		w.want(err, "OK", 1)
	})
	in(t, "also of less than ten seconds", crossminttest.Config{JWTLifetime: 9 * second}, session.Config{}, func(t *testing.T, w *world) {
		m := w.signIn("ann@example.com")
		time.Sleep(8050 * time.Millisecond)
		_, err := w.authenticate(m)
		w.want(err, "OK", 0)
		time.Sleep(100 * time.Millisecond)
		_, err = w.authenticate(m)
		w.want(err, "OK", 1)
	})
	in(t, "a slow one delays nobody for more than 250 ms, and is found later", config, session.Config{}, func(t *testing.T, w *world) {
		m := w.signIn("ann@example.com")
		_, _ = w.authenticate(m)
		time.Sleep(575 * second)
		w.fake.SetLatency(crossminttest.Refresh, 3*second)
		started := time.Now()
		result, err := w.authenticate(m)
		w.want(err, "OK", 1)
		if waited := time.Since(started); waited > 250*time.Millisecond || result.Renewed != nil {
			t.Errorf("waited %v, renewed %v", waited, result.Renewed)
		}
		time.Sleep(5 * second)
		result, err = w.authenticate(m)
		w.want(err, "OK", 1)
		if result.Renewed == nil {
			t.Error("the result was not found")
		}
	})
	for name, fault := range map[string]crossminttest.Fault{"refused": refusing(), "failed": down()} {
		in(t, "one that is "+name+" clears nothing and is not repeated at once", config, session.Config{}, func(t *testing.T, w *world) {
			m := w.signIn("ann@example.com")
			_, _ = w.authenticate(m)
			time.Sleep(575 * second)
			w.fake.Fail(crossminttest.Refresh, fault)
			for range 4 {
				_, err := w.authenticate(m)
				w.want(err, "OK", 1)
				time.Sleep(second)
			}
			if !w.reported(session.EarlyRefreshFailed) {
				t.Errorf("events = %v", w.outcomes())
			}
		})
	}
	in(t, "a herd makes one", config, session.Config{}, func(t *testing.T, w *world) {
		g := w.fake.Grant(w.fake.NewUser("ann@example.com"))
		_, _ = w.authenticate(w.signIn("bob@example.com"))
		time.Sleep(575 * second)
		w.fake.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
		var herd sync.WaitGroup
		for range 200 {
			herd.Go(func() {
				result, err := w.authenticate(session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()))
				if err != nil || result.Renewed == nil {
					t.Errorf("err = %v", err)
				}
			})
		}
		herd.Wait()
		w.want(nil, "OK", 1)
	})
	in(t, "never for a request that cannot carry cookies", config, session.Config{}, func(t *testing.T, w *world) {
		m := w.signIn("ann@example.com")
		time.Sleep(575 * second)
		_, err := w.Authenticate(t.Context(), m, session.WithoutEarlyRefresh(func() bool { return true }))
		w.want(err, "OK", 0)
		synctest.Wait()
	})
}
