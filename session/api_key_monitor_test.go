package session_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session/event"
)

func TestRevokedAPIKey(t *testing.T) {
	refuseUser := func(k *kit, i int) error {
		_, err := k.authenticate(k.Expired(fmt.Sprintf("user%d@example.com", i)))
		return err
	}
	run(t, "after twenty refused users no user is signed out, until one is accepted", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		for i := range 20 {
			k.want(refuseUser(k, i), testkit.SignedOut, i+1)
			time.Sleep(second)
		}
		late := k.Expired("late@example.com")
		_, err := k.authenticate(late)
		k.want(err, testkit.Rejected, 21)
		if !k.Has(event.RejectionsSuspended) || !k.Health().RejectionsSuspended {
			t.Errorf("events = %v", k.Outcomes())
		}
		_, err = k.authenticate(forged("1"))
		k.want(err, testkit.Rejected, 22)

		k.Fake.Heal()
		time.Sleep(31 * second)
		_, err = k.authenticate(late)
		k.want(err, testkit.OK, 23)
		if !k.Has(event.RejectionsResumed) || k.Health().RejectionsSuspended {
			t.Errorf("events = %v", k.Outcomes())
		}
		k.Fake.Fail(crossminttest.Refresh, testkit.RejectedByUpstream())
		k.want(refuseUser(k, 30), testkit.SignedOut, 24)
	})
	run(t, "the suspicion does not end with the minute", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		for i := range 20 {
			_ = refuseUser(k, i)
		}
		time.Sleep(time.Hour)
		k.want(refuseUser(k, 20), testkit.Rejected, 21)
	})
	run(t, "refusals over a longer time raise no suspicion", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		for i := range 30 {
			k.want(refuseUser(k, i), testkit.SignedOut, i+1)
			time.Sleep(4 * second)
		}
	})
	run(t, "many refusals of one user raise no suspicion", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		for i := range 30 {
			k.want(refuseUser(k, 1), testkit.SignedOut, i+1)
		}
	})
	run(t, "refusals among successes raise no suspicion", testkit.Config{}, func(t *testing.T, k *kit) {
		for i := range 30 {
			k.Fake.Fail(crossminttest.Refresh, testkit.RejectedByUpstream())
			k.want(refuseUser(k, i), testkit.SignedOut, 2*i+1)
			_, err := k.authenticate(k.Expired(fmt.Sprintf("good%d@example.com", i)))
			k.want(err, testkit.OK, 2*i+2)
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

// A suspect API key makes cached refusals uncertain, too.
func TestSuspectKey(t *testing.T) {
	run(t, "a cached refusal deletes no cookies", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		first := k.Expired("first@example.com")
		_, err := k.authenticate(first)
		k.want(err, testkit.SignedOut, 1)
		for i := range 19 {
			_, err = k.authenticate(k.Expired(fmt.Sprintf("user%d@example.com", i)))
			k.want(err, testkit.SignedOut, i+2)
		}
		_, err = k.authenticate(first)
		k.want(err, testkit.Rejected, 20)
	})
	run(t, "each uncertain refusal is reported, as an error", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		for i := range 22 {
			_, _ = k.authenticate(k.Expired(fmt.Sprintf("user%d@example.com", i)))
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
			t.Errorf("%d events, want one for each uncertain refusal", suspended)
		}
	})
	run(t, "a user without a signed JWT does not count", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.RejectedByUpstream())
		for i := range 19 {
			_, _ = k.authenticate(k.Expired(fmt.Sprintf("user%d@example.com", i)))
		}
		_, err := k.authenticate(forged("1"))
		k.want(err, testkit.SignedOut, 20)
		_, err = k.authenticate(k.Expired("twentieth@example.com"))
		k.want(err, testkit.SignedOut, 21)
	})
	run(t, "an accepted user ends the count", testkit.Config{}, func(t *testing.T, k *kit) {
		refused := func(from, to int) {
			for i := from; i < to; i++ {
				k.Fake.Fail(crossminttest.Refresh, testkit.RejectedByUpstream())
				if _, err := k.authenticate(k.Expired(fmt.Sprintf("user%d@example.com", i))); testkit.Outcome(err) != testkit.SignedOut {
					t.Errorf("user %d: %v", i, err)
				}
			}
		}
		refused(0, 19)
		_, err := k.authenticate(k.Expired("good@example.com"))
		k.want(err, testkit.OK, 20)
		refused(19, 38)
	})
}
