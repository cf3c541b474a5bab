package session_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// A revoked API key makes upstream refuse every user.
func TestRevokedAPIKey(t *testing.T) {
	twoHours := 2 * time.Hour
	user := func(k *kit, i int) session.Material { return k.Expired(fmt.Sprintf("user%d@example.com", i)) }
	refuse := func(k *kit, m session.Material) error {
		k.Fake.Fail(crossminttest.Refresh, testkit.RejectedByUpstream())
		_, err := k.authenticate(m)
		return err
	}
	run(t, "after five refused users no cookies are deleted, until one is accepted", testkit.Config{}, func(t *testing.T, k *kit) {
		for i := range 5 {
			k.want(refuse(k, user(k, i)), testkit.AskAgain, i+1)
			time.Sleep(10 * time.Minute)
		}
		if !k.Health().RejectionsSuspended {
			t.Error("the API key is not suspect")
		}
		late := user(k, 5)
		k.want(refuse(k, refusedBefore(late, twoHours)), testkit.Refused, 6)
		if !k.Has(event.RejectionsSuspended) {
			t.Errorf("events = %v", k.Outcomes())
		}
		time.Sleep(31 * second) // the negative cache
		_, err := k.authenticate(late)
		k.want(err, testkit.OK, 7)
		if !k.Has(event.RejectionsResumed) || k.Health().RejectionsSuspended {
			t.Errorf("events = %v", k.Outcomes())
		}
		k.want(refuse(k, refusedBefore(user(k, 30), twoHours)), testkit.SignedOut, 8)
	})
	run(t, "refusals among successes raise no suspicion", testkit.Config{}, func(t *testing.T, k *kit) {
		for i := range 30 {
			k.want(refuse(k, refusedBefore(user(k, i), twoHours)), testkit.SignedOut, 2*i+1)
			_, err := k.authenticate(k.Expired(fmt.Sprintf("good%d@example.com", i)))
			k.want(err, testkit.OK, 2*i+2)
		}
	})
	run(t, "many refusals of one user raise no suspicion", testkit.Config{}, func(t *testing.T, k *kit) {
		for i := range 30 {
			k.want(refuse(k, refusedBefore(user(k, 1), twoHours)), testkit.SignedOut, i+1)
		}
	})
	run(t, "a user without a signed JWT does not count", testkit.Config{}, func(t *testing.T, k *kit) {
		for i := range 30 {
			k.want(refuse(k, forged(fmt.Sprint(i))), testkit.AskAgain, i+1)
		}
		if k.Health().RejectionsSuspended {
			t.Error("the API key is suspect")
		}
	})
	run(t, "each refusal in that time is reported, as an error", testkit.Config{}, func(t *testing.T, k *kit) {
		for i := range 7 {
			_ = refuse(k, user(k, i))
		}
		suspended := 0
		for _, e := range k.All() {
			if e.Outcome == event.RejectionsSuspended {
				suspended++
				if e.UpstreamStatus != 401 || e.Level() != slog.LevelError {
					t.Errorf("event = %+v", e)
				}
			}
		}
		if suspended != 2 {
			t.Errorf("%d events, want one for each refusal", suspended)
		}
	})
	run(t, "a 403 is reported as a rejected API key", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Status(403, "application/json", `{"error":true,"message":"Malformed API key"}`))
		_, err := k.authenticate(k.Expired("ann@example.com"))
		k.want(err, testkit.Unavailable, 1)
		if !k.Has(event.APIKeyRejected) {
			t.Errorf("events = %v", k.Outcomes())
		}
	})
	run(t, "a 403 of a proxy is not", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Status(403, "text/html", "<html>Access denied</html>"))
		_, err := k.authenticate(k.Expired("ann@example.com"))
		k.want(err, testkit.Unavailable, 1)
		if k.Has(event.APIKeyRejected) {
			t.Errorf("events = %v", k.Outcomes())
		}
	})
}
