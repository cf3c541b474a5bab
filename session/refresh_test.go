package session_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestRefresh(t *testing.T) {
	none := session.Secret{}
	in(t, "a valid JWT is renewed all the same", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		result, err := w.Refresh(t.Context(), w.signIn("ann@example.com"), none)
		w.want(err, "OK", 1)
		if result.Renewed == nil || result.Renewed.Grant.User.Email != "ann@example.com" {
			t.Errorf("result = %+v", result)
		}
	})
	in(t, "a token from elsewhere goes before the cookies'", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		bob := w.fake.NewUser("bob@example.com")
		result, err := w.Refresh(t.Context(), w.signIn("ann@example.com"), session.NewSecret(w.fake.OneTimeSecret(bob)))
		w.want(err, "OK", 1)
		if result.Session.UserID != bob.ID || result.Renewed.Source != session.SourceBody {
			t.Errorf("user %s from %d", result.Session.UserID, result.Renewed.Source)
		}
	})
	in(t, "a login without cookies changes no user", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		_, err := w.Refresh(t.Context(), session.Material{}, session.NewSecret(w.fake.OneTimeSecret(w.fake.NewUser("ann@example.com"))))
		w.want(err, "OK", 1)
		if w.reported(session.UserChanged) {
			t.Errorf("events = %v", w.outcomes())
		}
	})
	in(t, "nothing to refresh with", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		_, err := w.Refresh(t.Context(), session.Material{}, none)
		w.want(err, "KEEP401", 0)
		_, err = w.Refresh(t.Context(), session.NewMaterial(w.fake.JWT(w.fake.NewUser("ann@example.com")), ""), none)
		w.want(err, "KEEP401", 0)
	})
	in(t, "refused", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		_, err := w.Refresh(t.Context(), made("cookie"), none)
		w.want(err, "CLEAR", 1)
		_, err = w.Refresh(t.Context(), session.Material{}, session.NewSecret("made-up"))
		w.want(err, "CLEAR", 2)
		_, err = w.Refresh(t.Context(), made("same"), session.NewSecret("made-up-same"))
		w.want(err, "CLEAR", 3)
		_, err = w.Refresh(t.Context(), w.signIn("ann@example.com"), session.NewSecret("another"))
		w.want(err, "KEEP401", 4)
		valid := session.NewMaterial(w.fake.JWT(w.fake.NewUser("ann@example.com")), "")
		_, err = w.Refresh(t.Context(), valid, session.NewSecret("a third"))
		w.want(err, "KEEP401", 5)
	})
}

func TestRefreshDuringAnOutage(t *testing.T) {
	none := session.Secret{}
	overloaded := crossminttest.Status(http.StatusServiceUnavailable, "application/json", `{}`)
	in(t, "an upstream that recovers within the budget is asked again", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.Fail(crossminttest.Refresh, overloaded, crossminttest.Status(429, "", "").With("Retry-After", "3"))
		started := time.Now()
		_, err := w.Refresh(t.Context(), w.expired("ann@example.com"), none)
		w.want(err, "OK", 3)
		if took := time.Since(started); took < 3*second || took > 4*second {
			t.Errorf("took %v", took)
		}
	})
	in(t, "an upstream that is restarted within the budget is waited for", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m := w.expired("ann@example.com")
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.Down()
		go func() {
			time.Sleep(4 * second)
			_ = w.fake.Up()
		}()
		_, err := w.Refresh(t.Context(), m, none)
		w.want(err, "OK", 1)
	})
	in(t, "a wish beyond the budget is not waited for", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(429, "", "").With("Retry-After", "30"))
		started := time.Now()
		_, err := w.Refresh(t.Context(), w.expired("ann@example.com"), none)
		w.want(err, "KEEP503", 1)
		if took := time.Since(started); took > second || session.RetryAfter(err) != 30*second {
			t.Errorf("took %v, then Retry-After %v", took, session.RetryAfter(err))
		}
	})
	in(t, "the budget is kept", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, overloaded)
		started := time.Now()
		_, err := w.Refresh(t.Context(), w.expired("ann@example.com"), none)
		if took := time.Since(started); kind(err) != "KEEP503" || took > 8*second || took < 3*second {
			t.Errorf("%v after %v", err, took)
		}
	})
	in(t, "a JWT that still holds is an answer", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		m := w.signIn("ann@example.com")
		result, err := w.Refresh(t.Context(), m, none)
		w.want(err, "OK", 1)
		if result.Renewed != nil || result.Stale || result.Session.UserID == "" || !w.reported(session.Undecided) && len(w.outcomes()) > 1 {
			t.Errorf("result = %+v, events %v", result, w.outcomes())
		}
	})
	in(t, "but not for another user's login", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		_, err := w.Refresh(t.Context(), w.signIn("ann@example.com"), session.NewSecret(w.fake.OneTimeSecret(w.fake.NewUser("bob@example.com"))))
		w.want(err, "KEEP503", 1)
	})
	in(t, "an expired JWT is not, without StaleFor", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		_, err := w.Refresh(t.Context(), w.expired("ann@example.com"), none)
		w.want(err, "KEEP503", 1)
	})
	in(t, "with StaleFor a JWT that expired lately is, and opens nothing", crossminttest.Config{JWTLifetime: time.Hour}, session.Config{StaleFor: 15 * time.Minute}, func(t *testing.T, w *world) {
		g := w.fake.Grant(w.fake.NewUser("ann@example.com"))
		m := func() session.Material {
			return session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
		}
		_, _ = w.authenticate(m())
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		time.Sleep(70 * time.Minute)
		result, err := w.Refresh(t.Context(), m(), none)
		if err != nil || !result.Stale || result.Renewed != nil || !w.reported(session.ServedStale) {
			t.Errorf("%+v, %v, events %v", result, err, w.outcomes())
		}
		if _, ok := session.FromContext(result.NewContext(t.Context())); ok {
			t.Error("a stale session is found in a context")
		}
		if _, err := w.authenticate(m()); kind(err) != "KEEP503" {
			t.Errorf("a stale session passes: %v", err)
		}
		time.Sleep(5 * time.Minute)
		if _, err := w.Refresh(t.Context(), m(), none); kind(err) != "KEEP503" {
			t.Errorf("beyond StaleFor: %v", err)
		}
	})
}

func TestStaleForCountsParts(t *testing.T) {
	config := session.Config{StaleFor: 1500 * time.Millisecond, RefreshBudget: 100 * time.Millisecond}
	for late, want := range map[time.Duration]string{1200 * time.Millisecond: "OK", 1600 * time.Millisecond: "KEEP503"} {
		in(t, fmt.Sprint(late, " after the end"), crossminttest.Config{JWTLifetime: time.Minute}, config, func(t *testing.T, w *world) {
			m := w.signIn("ann@example.com")
			_, _ = w.authenticate(m)
			w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
			time.Sleep(time.Minute + late - 100*time.Millisecond)
			_, err := w.Refresh(t.Context(), m, session.Secret{})
			w.want(err, want, 1)
		})
	}
}

// The budget is for all that a refresh waits for, the keys among it.
func TestRefreshBudgetCountsTheKeys(t *testing.T) {
	in(t, "of all pairs", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		var m session.Material
		for i, email := range []string{"ann@example.com", "bob@example.com", "cat@example.com"} {
			g := w.fake.Grant(w.fake.NewUser(email))
			m.Add(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal(), i)
		}
		w.fake.FailAlways(crossminttest.JWKS, crossminttest.Hang())
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		started := time.Now()
		_, err := w.Refresh(t.Context(), m, session.NewSecret("one-time"))
		if took := time.Since(started); took > 8*second || kind(err) != "KEEP503" {
			t.Errorf("%v after %v", err, took)
		}
	})
}
