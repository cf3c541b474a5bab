package session_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// A refusal that was learnt before the API key came into doubt is as doubtful
// as one that is learnt after it.
func TestDoubtCoversWhatIsRemembered(t *testing.T) {
	in(t, "a refusal of some seconds ago", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		first := w.expired("first@example.com")
		_, err := w.authenticate(first)
		w.want(err, "CLEAR", 1)
		for i := range 19 {
			_, err = w.authenticate(w.expired(fmt.Sprintf("user%d@example.com", i)))
			w.want(err, "CLEAR", i+2)
		}
		_, err = w.authenticate(first)
		w.want(err, "KEEP401", 20)
	})
	in(t, "the doubt is reported once per refusal, as an error", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		for i := range 22 {
			_, _ = w.authenticate(w.expired(fmt.Sprintf("user%d@example.com", i)))
		}
		doubted := 0
		for _, e := range w.events {
			if e.Outcome == session.RefusalsDoubted {
				doubted++
				if e.UpstreamStatus != 401 || e.Level() != slog.LevelError {
					t.Errorf("event = %+v", e)
				}
			}
		}
		if doubted != 2 {
			t.Errorf("%d events, want one for each refusal in doubt", doubted)
		}
	})
	in(t, "who has no signed JWT does not count", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		for i := range 19 {
			_, _ = w.authenticate(w.expired(fmt.Sprintf("user%d@example.com", i)))
		}
		_, err := w.authenticate(made("up"))
		w.want(err, "CLEAR", 20)
		_, err = w.authenticate(w.expired("twentieth@example.com"))
		w.want(err, "CLEAR", 21)
	})
	in(t, "who is accepted ends the count", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		refused := func(from, to int) {
			for i := from; i < to; i++ {
				w.fake.Fail(crossminttest.Refresh, refusing())
				if _, err := w.authenticate(w.expired(fmt.Sprintf("user%d@example.com", i))); kind(err) != "CLEAR" {
					t.Errorf("user %d: %v", i, err)
				}
			}
		}
		refused(0, 19)
		_, err := w.authenticate(w.expired("good@example.com"))
		w.want(err, "OK", 20)
		refused(19, 38)
	})
}

// A logout is no refusal of upstream's: what it ended is given up by its own
// answer, not by those that come after it and may meet a new login's cookies.
func TestLoggedOutPairBesideALiveOne(t *testing.T) {
	in(t, "is passed over, and stays", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		left, live := w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com")), w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com"))
		_ = w.Logout(t.Context(), pairOf(left)(), session.Secret{})
		var both session.Material
		both.Add("", left.RefreshToken.Secret.Reveal(), 1)
		both.Add("", live.RefreshToken.Secret.Reveal(), 2)
		result, err := w.authenticate(both)
		w.want(err, "OK", 1)
		if result.Renewed.Source != 2 || len(result.Renewed.Dead) != 0 {
			t.Errorf("source %d, dead %v", result.Renewed.Source, result.Renewed.Dead)
		}
	})
}

// The refresh route asks upstream about nobody of whom it cannot tell whether
// a JWT that it knows nothing of still holds.
func TestRefreshWithoutKeys(t *testing.T) {
	in(t, "decides nothing", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.JWKS, down())
		m := w.expired("ann@example.com")
		_, err := w.Refresh(t.Context(), m, session.Secret{})
		w.want(err, "KEEP503", 0)
		w.fake.Heal()
		time.Sleep(5 * second)
		_, err = w.Refresh(t.Context(), m, session.Secret{})
		w.want(err, "OK", 1)
	})
}

// What somebody left behind is no answer to somebody else's login.
func TestStaleJWTIsNoAnswerToALogin(t *testing.T) {
	in(t, "whose answer is not there", crossminttest.Config{}, session.Config{StaleFor: time.Hour}, func(t *testing.T, w *world) {
		ann, bob := w.fake.NewUser("ann@example.com"), w.fake.NewUser("bob@example.com")
		left := session.NewMaterial(w.fake.ExpiredJWT(ann), "")
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		_, err := w.Refresh(t.Context(), left, session.NewSecret(w.fake.OneTimeSecret(bob)))
		w.want(err, "KEEP503", 1)
	})
}

// A successor that could not be judged, and was given up, may still live
// somewhere: that its forerunner is refused clears nothing.
func TestGivenUpSuccessorClearsNothing(t *testing.T) {
	in(t, "its forerunner is refused", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		token := w.fake.Grant(w.fake.NewUser("ann@example.com")).RefreshToken.Secret.Reveal()
		w.fake.FailAlways(crossminttest.JWKS, down())
		_, err := w.authenticate(session.NewMaterial("", token))
		w.want(err, "KEEP503", 1)
		w.fake.Heal()
		time.Sleep(11 * time.Minute)
		_, err = w.authenticate(session.NewMaterial("", token))
		w.want(err, "KEEP401", 2)
	})
}

// A name from a JWT stays within its quotes, whatever it is made of.
func TestChangedUserIsQuoted(t *testing.T) {
	in(t, "in the event", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		ann, bob := w.fake.NewUser("ann@example.com"), w.fake.NewUser("bob@example.com")
		evil := w.fake.Sign(ann, nil, map[string]any{"sub": "x\n\x1b[31m\u2028level=ERROR", "iat": 946_600_000, "exp": 946_603_600}) // of 1999
		_, err := w.authenticate(session.NewMaterial(evil, w.fake.Grant(bob).RefreshToken.Secret.Reveal()))
		w.want(err, "OK", 1)
		if !w.reported(session.UserChanged) {
			t.Errorf("events = %v", w.outcomes())
		}
		for _, e := range w.events {
			if e.Err != nil && strings.ContainsAny(e.Err.Error(), "\n\x1b\u2028") {
				t.Errorf("%s: %q", e.Outcome, e.Err)
			}
		}
	})
}
