package fleet_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
)

// isOnFirstShard reports whether a key is on the first of three shards.
func isOnFirstShard(key string) bool {
	group, _, _ := strings.Cut(key, ".")
	return sha256.Sum256([]byte(group))[0] < 256/3
}

// One shard that hangs costs the sharing of its own tokens.
func TestHangingShard(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		for _, s := range p.stores {
			s.SetKeyFaults(func(_ fleettest.Operation, key string) (f fleettest.Fault) {
				if isOnFirstShard(key) {
					f.Delay = time.Hour
				}
				return f
			})
		}
		const tokens = 2000
		var shared, slow atomic.Int64
		var all sync.WaitGroup
		for n := range tokens {
			all.Go(func() {
				token, calls, started := fmt.Sprint(n), &coordinatortest.Calls{}, time.Now()
				coordinatortest.Do(t, p.a, token, calls)
				coordinatortest.Do(t, p.b, token, calls)
				if calls.Exchanged.Load() == 1 {
					shared.Add(1)
				}
				if time.Since(started) > 100*time.Millisecond {
					slow.Add(1)
				}
			})
			time.Sleep(10 * time.Millisecond)
		}
		all.Wait()
		if n := shared.Load(); n < tokens*65/100 {
			t.Errorf("%d of %d refreshes were shared", n, tokens)
		}
		if n := slow.Load(); n > tokens/10 {
			t.Errorf("%d of %d refreshes waited for the store", n, tokens)
		}
	})
}

// A store that hangs costs a few refreshes the timeout of an operation, and one event.
func TestHangingStore(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		coordinatortest.Do(t, p.a, "warm", &coordinatortest.Calls{})
		p.stores[0].SetFaults(func(fleettest.Operation) fleettest.Fault { return fleettest.Fault{Delay: time.Hour} })
		slow := 0
		for n := range 500 {
			started := time.Now()
			coordinatortest.Do(t, p.a, fmt.Sprint(n), &coordinatortest.Calls{})
			if time.Since(started) > 100*time.Millisecond {
				slow++
			}
			time.Sleep(10 * time.Millisecond)
		}
		if slow > 10 {
			t.Errorf("%d refreshes waited for the store", slow)
		}
		p.stores[0].SetFaults(nil)
		time.Sleep(10 * time.Second)
		coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{})
		if down, up := p.count(event.StoreDegraded), p.count(event.StoreRecovered); down != 1 || up != 1 {
			t.Errorf("%d events of the outage, %d of its end; want one each", down, up)
		}
	})
}
