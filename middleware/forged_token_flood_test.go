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

// TestFloodOfForgedTokens sends refresh tokens that upstream has not issued. The
// clock does not advance in between, so the token bucket does not fill.
func TestFloodOfForgedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, crossminttest.Config{InMemory: true}, session.Config{})
		must(t, e.client.Preload(t.Context()))
		sent := 0
		flood := func(n int) map[string]int {
			responses := map[string]int{}
			for range n {
				sent++
				o := e.outcome(t, middleware.Config{}, "", fmt.Sprint("forged-", sent))
				responses[fmt.Sprintf("%s, called %d", o.Response, o.Refreshes)]++
			}
			return responses
		}
		if diff := cmp.Diff(map[string]int{"401 cleared, called 1": 50, "503 kept retry 1, called 0": 10}, flood(60)); diff != "" {
			t.Errorf("flood (-want +got):\n%s", diff)
		}
		jwt, refresh := e.expired()
		if diff := cmp.Diff(outcome{Response: "200 renewed", Refreshes: 1}, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
			t.Errorf("a user during the flood (-want +got):\n%s", diff)
		}
		time.Sleep(time.Second)
		if diff := cmp.Diff(map[string]int{"401 cleared, called 1": 10, "503 kept retry 1, called 0": 5}, flood(15)); diff != "" {
			t.Errorf("one second later (-want +got):\n%s", diff)
		}
	})
}
