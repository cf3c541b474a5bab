package middleware_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestRevokedAPIKey has upstream refuse everybody. From the moment when it
// cannot be the users' fault, nobody's cookies are cleared.
func TestRevokedAPIKey(t *testing.T) {
	const users = 20 // whose refusals start the doubt
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, crossminttest.Config{InMemory: true}, session.Config{})
		refuse := crossminttest.Status(401, "", jsonNo)
		k.fake.FailAlways(crossminttest.Refresh, refuse)
		for i := range users + 5 {
			jwt, refresh := k.expired()
			got := k.outcome(t, middleware.Config{}, jwt, refresh)
			want := outcome{"401 cleared", notValid, 1}
			if i >= users {
				want.Verdict = "401 kept"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("user %d (-want +got):\n%s", i+1, diff)
			}
		}
		k.fake.Heal()
		jwt, refresh := k.expired()
		if diff := cmp.Diff(outcome{"200 renewed", "", 1}, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
			t.Errorf("mended (-want +got):\n%s", diff)
		}
		k.fake.Fail(crossminttest.Refresh, refuse)
		jwt, refresh = k.expired()
		if diff := cmp.Diff(outcome{"401 cleared", notValid, 1}, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
			t.Errorf("refused after that (-want +got):\n%s", diff)
		}
	})
}

// TestFloodOfMadeUpTokens sends refresh tokens that nobody has ever issued.
// Time stands still in between, so the bucket does not fill.
func TestFloodOfMadeUpTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, crossminttest.Config{InMemory: true}, session.Config{})
		must(t, k.client.Preload(t.Context()))
		sent := 0
		flood := func(n int) map[string]int {
			verdicts := map[string]int{}
			for range n {
				sent++
				o := k.outcome(t, middleware.Config{}, "", fmt.Sprint("made-up-", sent))
				verdicts[fmt.Sprintf("%s, asked %d", o.Verdict, o.Refreshes)]++
			}
			return verdicts
		}
		if diff := cmp.Diff(map[string]int{"401 cleared, asked 1": 50, "503 kept retry 1, asked 0": 10}, flood(60)); diff != "" {
			t.Errorf("at once (-want +got):\n%s", diff)
		}
		jwt, refresh := k.expired()
		if diff := cmp.Diff(outcome{"200 renewed", "", 1}, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
			t.Errorf("a user in the flood (-want +got):\n%s", diff)
		}
		time.Sleep(time.Second)
		if diff := cmp.Diff(map[string]int{"401 cleared, asked 1": 10, "503 kept retry 1, asked 0": 5}, flood(15)); diff != "" {
			t.Errorf("a second later (-want +got):\n%s", diff)
		}
	})
}
