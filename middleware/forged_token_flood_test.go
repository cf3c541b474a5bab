package middleware_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestFloodOfForgedTokens sends refresh tokens that upstream has not issued, all at
// once.
func TestFloodOfForgedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, crossminttest.Config{InMemory: true}, session.Config{})
		must(t, e.client.Preload(t.Context()))
		sent := 0
		flood := func(n int) map[string]int {
			var mu sync.Mutex
			responses := map[string]int{}
			var all sync.WaitGroup
			for range n {
				sent++
				r := get("/me", "", fmt.Sprint("forged-", sent))
				all.Go(func() {
					res, _ := serve(e.require(middleware.Config{})(showUser), r)
					mu.Lock()
					defer mu.Unlock()
					responses[testkit.ResponseOutcome(t, res)]++
				})
			}
			all.Wait()
			return responses
		}
		if diff := cmp.Diff(map[string]int{"307 kept marked": 50, "503 kept retry 1": 10}, flood(60)); diff != "" {
			t.Errorf("flood (-want +got):\n%s", diff)
		}
		jwt, refresh := e.expired()
		if diff := cmp.Diff(outcome{Response: "200 renewed", Refreshes: 1}, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
			t.Errorf("a user during the flood (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{"307 kept marked": 10, "503 kept retry 1": 5}, flood(15)); diff != "" {
			t.Errorf("one second later (-want +got):\n%s", diff)
		}
		if calls := e.fake.Calls().Refresh; calls != 61 {
			t.Errorf("upstream was called %d times", calls)
		}
	})
}
