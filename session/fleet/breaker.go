package fleet

import (
	"sync"
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

// maxFailuresInRow is the number of failures without a success between them, in
// any groups, after which the whole store counts as failed.
const maxFailuresInRow = 3

// A breaker keeps requests from waiting for a store that does not respond: after
// a failure the group gets no operation for a growing time, and then one.
type breaker struct {
	mu         sync.Mutex // guards all below
	whole      circuit
	groups     [groupCount]circuit
	inRow      int // failures
	isDegraded bool
}

// A circuit is the state of a group, or of the whole store.
type circuit struct {
	failures int
	until    time.Time // no operation before
}

func (c *circuit) isOpen(now time.Time) bool { return c.failures > 0 && now.Before(c.until) }

// probe lets one operation pass, and the others once it has succeeded.
func (c *circuit) probe(now time.Time) {
	if c.failures > 0 {
		c.until = now.Add(lastPause)
	}
}

func (c *circuit) fail(now time.Time) {
	pause := min(firstPause<<min(c.failures, 10), lastPause)
	c.failures++
	c.until = now.Add(backoff.Jitter(pause))
}

// allow reports whether a group may be asked.
func (b *breaker) allow(group int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, c := time.Now(), &b.groups[group]
	if c.isOpen(now) || b.whole.isOpen(now) {
		return false
	}
	c.probe(now)
	b.whole.probe(now)
	return true
}

// succeed notes a success. It reports whether it ends an outage: the end of an
// outage of the whole store is that of all groups.
func (b *breaker) succeed(group int) (recovered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inRow = 0
	if !b.isDegraded {
		return false
	}
	b.groups[group] = circuit{}
	if b.whole.failures > 0 {
		b.whole, b.groups = circuit{}, [groupCount]circuit{}
	}
	b.isDegraded = b.groups != [groupCount]circuit{}
	return !b.isDegraded
}

// fail notes a failure. It reports whether it is the first one of an outage.
func (b *breaker) fail(group int) (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.groups[group].fail(now)
	if b.inRow++; b.inRow >= maxFailuresInRow {
		b.whole.fail(now)
	}
	first = !b.isDegraded
	b.isDegraded = true
	return first
}
