package middleware_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestFloodOfForgedTokens sends refresh tokens that upstream has not issued, all at
// once. The later ones wait until the token bucket fills, for the three quarters of
// 8 s.
func TestFloodOfForgedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, crossminttest.Config{InMemory: true}, session.Config{})
		must(t, e.client.Preload(t.Context()))
		handler := e.require(middleware.Config{})(showUser)
		var flood sync.WaitGroup
		var overloaded atomic.Int64
		for i := range 150 {
			flood.Go(func() {
				res, _ := serve(handler, get("/", "", fmt.Sprint("forged-", i)))
				if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "1" {
					overloaded.Add(1)
				}
			})
		}
		synctest.Wait()
		if calls := e.fake.Calls().Refresh; calls != 50 {
			t.Errorf("%d calls at once, want 50", calls)
		}
		jwt, refresh := e.expired()
		if diff := cmp.Diff("200 renewed", e.outcome(t, middleware.Config{}, jwt, refresh).Response); diff != "" {
			t.Errorf("a user during the flood (-want +got):\n%s", diff)
		}
		flood.Wait()
		if calls := e.fake.Calls().Refresh; calls < 50+59+1 || calls > 50+60+1 || int(overloaded.Load()) != 151-calls {
			t.Errorf("%d calls, %d responses without one; want 111 and 40", calls, overloaded.Load())
		}
	})
}
