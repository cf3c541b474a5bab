package limit_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/limit"
)

const maxKeys = 3000

func newPerKey() *limit.PerKey {
	return limit.NewPerKey(limit.BucketConfig{Rate: 1, Burst: 8, InFlight: 8, Queue: 16}, maxKeys)
}

// Each key has its own slots, tokens and queue.
func TestPerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPerKey()
		var wg sync.WaitGroup
		var running, passed [10]atomic.Int64
		for key := range running {
			for range 100 {
				wg.Go(func() {
					if !p.Acquire(t.Context(), fmt.Sprint(key)) {
						return
					}
					if running[key].Add(1) > 8 {
						t.Errorf("more than 8 calls of key %d at once", key)
					}
					time.Sleep(time.Second)
					running[key].Add(-1)
					passed[key].Add(1)
					p.Release(fmt.Sprint(key), true)
				})
			}
		}
		wg.Wait()
		for key := range passed {
			if got := passed[key].Load(); got < 16 || got > 24 {
				t.Errorf("key %d: %d calls passed, want the running and the waiting ones", key, got)
			}
		}
	})
}

func TestPerKeyLimitsRejectedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPerKey()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		passed := 0
		for p.Acquire(ctx, "ada") {
			p.Release("ada", false)
			passed++
		}
		if passed != 8+10 {
			t.Errorf("%d rejected calls passed in 10 s, want 18", passed)
		}
		if !p.Acquire(t.Context(), "bob") {
			t.Error("another key was rejected")
		}
		p.Release("bob", true)
	})
}

// TestPerKeyForgetsKeys prints a PerKey, which shows its keys.
func TestPerKeyForgetsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPerKey()
		rejected := func(key string) bool {
			if !p.Acquire(t.Context(), key) {
				return false
			}
			p.Release(key, false)
			return true
		}
		p.Acquire(t.Context(), "ada")
		p.Release("ada", true)
		if strings.Contains(fmt.Sprintf("%+v", p), "ada") {
			t.Error("a key without rejected calls is still in memory")
		}
		for i := range maxKeys {
			if !rejected(fmt.Sprint("user-", i)) {
				t.Fatalf("key %d was rejected", i)
			}
		}
		if rejected("bob") {
			t.Error("one more key got in at once")
		}
		time.Sleep(time.Second)
		if !rejected("bob") || strings.Contains(fmt.Sprintf("%+v", p), "user-") {
			t.Error("keys with full buckets are still in memory")
		}
	})
}
