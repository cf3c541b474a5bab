package session_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// A logout during an outage of upstream reaches it afterwards.
func TestLogoutReachesUpstreamAfterAnOutage(t *testing.T) {
	away := crossminttest.Status(http.StatusBadGateway, "", "")
	tests := []struct {
		name    string
		outage  time.Duration
		forged  bool // no signed JWT comes with the token
		revoked bool
		event   event.Outcome
	}{
		{name: "of a minute", outage: time.Minute, revoked: true, event: event.Revoked},
		{name: "of 50 minutes", outage: 50 * time.Minute, revoked: true, event: event.Revoked},
		{name: "of two hours", outage: 2 * time.Hour, event: event.RevokeFailed},
		{name: "of a minute, without a signed JWT", outage: time.Minute, forged: true},
	}
	for _, test := range tests {
		run(t, test.name, testkit.Config{}, func(t *testing.T, k *kit) {
			user := k.Fake.NewUser("ann@example.com")
			presented := testkit.Material(k.Fake.Grant(user))
			if test.forged {
				presented.JWT = session.Secret{}
			}
			k.fetchKeys()
			k.Fake.FailAlways(crossminttest.Logout, away)
			if err := k.Logout(t.Context(), presented, none); err == nil {
				t.Error("the logout reports no error")
			}
			time.Sleep(test.outage)
			k.Fake.Heal()
			time.Sleep(maxRevocationDelay)
			alive := 1
			if test.revoked {
				alive = 0
			}
			k.wantAlive(user, alive)
			if !k.Has(event.LogoutFailed) || test.event != "" && !k.Has(test.event) {
				t.Errorf("events %v, want logout_failed and %q", k.Outcomes(), test.event)
			}
		})
	}
	run(t, "Close ends the tries at once", testkit.Config{}, func(t *testing.T, k *kit) {
		presented := k.SignIn("ann@example.com")
		k.fetchKeys()
		k.Fake.FailAlways(crossminttest.Logout, away)
		_ = k.Logout(t.Context(), presented, none)
		started := time.Now()
		testkit.NoError(t, k.Manager.Close(t.Context()))
		if took := time.Since(started); took != 0 {
			t.Errorf("Close took %v", took)
		}
	})
}

// maxRevocationDelay is the longest delay between two tries.
const maxRevocationDelay = 5 * time.Minute

// The logouts that wait for upstream are bounded.
func TestWaitingLogoutsAreBounded(t *testing.T) {
	const maxRevocations, more = 1 << 10, 20
	run(t, "", testkit.Config{}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		k.Fake.FailAlways(crossminttest.Logout, crossminttest.Status(http.StatusBadGateway, "", ""))
		for range maxRevocations + more {
			user := k.Fake.NewUser("ann@example.com")
			go func() { _ = k.Logout(context.Background(), testkit.Material(k.Fake.Grant(user)), none) }()
		}
		time.Sleep(time.Minute)
		k.Fake.Heal()
		time.Sleep(maxRevocationDelay)
		if got := k.Count(event.Revoked); got != maxRevocations {
			t.Errorf("%d logouts were sent again, want %d", got, maxRevocations)
		}
	})
}
