package fleet

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
)

// The pauses in which a store that failed is left alone.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// groupCount is the number of groups of keys. A group may fail alone, with its shard.
const groupCount = 64

// The whole store counts as failed after maxFailuresInRow failures, in any groups, if
// the last success was successAge ago: a shard that hangs does not keep the others
// from succeeding.
const (
	maxFailuresInRow = 3
	successAge       = 1500 * time.Millisecond
)

// A breaker keeps requests from waiting for a store that does not respond: after a
// failure the group gets no operation until a probe has succeeded. The probes begin
// by themselves.
type breaker struct {
	mu        sync.Mutex       // guards all below
	groups    [groupCount]bool // those that fail
	whole     bool             // all of them fail
	probing   bool
	inRow     int       // failures since the last success
	succeeded time.Time // the last time
}

// allow reports whether a group may be asked.
func (b *breaker) allow(group int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.whole && !b.groups[group]
}

func (b *breaker) succeed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inRow, b.succeeded = 0, time.Now()
}

// fail notes a failure. It reports whether it is the first one of an outage; then
// the caller starts the probes.
func (b *breaker) fail(group int) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.groups[group] = true
	if b.inRow++; b.inRow >= maxFailuresInRow && time.Since(b.succeeded) >= successAge {
		b.whole = true
	}
	first = !b.probing
	b.probing = true
	return first
}

// failing returns the groups to probe: all that fail, or one if the whole store does.
func (b *breaker) failing() (groups []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for group, fails := range b.groups {
		if fails {
			groups = append(groups, group)
		}
	}
	if b.whole {
		i := rand.IntN(len(groups))
		return groups[i : i+1]
	}
	return groups
}

// recover notes the success of a probe. It reports whether it ends the outage.
func (b *breaker) recover(group int) (recovered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inRow, b.succeeded = 0, time.Now()
	b.groups[group] = false
	if b.whole {
		b.whole, b.groups = false, [groupCount]bool{}
	}
	recovered = b.probing && b.groups == [groupCount]bool{}
	b.probing = b.probing && !recovered
	return recovered
}

// probe writes to the groups that fail until each has succeeded once.
func (o *operations) probe(op string) {
	for pause := firstPause; backoff.Sleep(o.stopped, backoff.Jitter(pause)); pause = min(2*pause, lastPause) {
		var probes sync.WaitGroup
		var recovered atomic.Bool
		for _, group := range o.breaker.failing() {
			probes.Go(func() {
				_, err := exec(o.stopped, o, func(ctx context.Context) (struct{}, error) {
					_, _, err := o.swap(ctx, probeKey(group), 0, []byte("probe"), time.Millisecond)
					return struct{}{}, err
				})
				if err == nil && o.breaker.recover(group) {
					recovered.Store(true)
				}
			})
		}
		probes.Wait()
		if recovered.Load() {
			o.recovered(op)
			return
		}
	}
}
