package limit_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/internal/limit"
)

func TestPerKey(t *testing.T) {
	p := limit.NewPerKey(2)
	for range 2 {
		if !p.Acquire("ada") {
			t.Fatal("a free slot was rejected")
		}
	}
	if p.Acquire("ada") {
		t.Error("a third call runs for one key, want two at the most")
	}
	if !p.Acquire("bob") {
		t.Error("another key was rejected")
	}
	if p.Acquire("") {
		t.Error("the empty key was let in")
	}
	p.Release("ada")
	if !p.Acquire("ada") || p.Acquire("ada") {
		t.Error("one release did not free exactly one slot")
	}
}

// TestPerKeyInParallel lets 100 callers of each key ask at once.
func TestPerKeyInParallel(t *testing.T) {
	const limitPerKey, keys, callers = 8, 10, 100
	p := limit.NewPerKey(limitPerKey)
	var wg sync.WaitGroup
	var passed [keys]atomic.Int64
	for key := range keys {
		for range callers {
			wg.Go(func() {
				if p.Acquire(fmt.Sprint(key)) {
					passed[key].Add(1)
				}
			})
		}
	}
	wg.Wait()
	for key := range keys {
		if got := passed[key].Load(); got != limitPerKey {
			t.Errorf("key %d: %d calls passed, want %d", key, got, limitPerKey)
		}
	}
}

// TestPerKeyForgetsReleasedKeys prints a PerKey, which shows its keys.
func TestPerKeyForgetsReleasedKeys(t *testing.T) {
	p := limit.NewPerKey(2)
	p.Acquire("ada")
	p.Acquire("ada")
	p.Release("ada")
	p.Release("ada")
	if printed := fmt.Sprintf("%+v", p); strings.Contains(printed, "ada") {
		t.Errorf("a released key is still in memory: %s", printed)
	}
}
