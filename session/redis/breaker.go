package redis

import (
	"math/rand/v2"
	"sync"
	"time"
)

// The pauses in which a store that failed is left alone.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// troubleAge is for how long after any trouble with the store a refusal is in
// doubt: longer than a refresh that another instance had begun before it, and
// the grace of what it got.
const troubleAge = time.Minute

// A breaker keeps requests from waiting for a store that does not answer:
// after a failure nobody asks it for a growing time, and then one at a time.
type breaker struct {
	mu       sync.Mutex // guards all below
	failures int
	until    time.Time // nobody asks before
	troubled time.Time // when there last was trouble
}

// allow reports whether the store is to be asked. Of those who come after a
// pause the first is told to, and the others once it has succeeded.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures == 0 {
		return true
	}
	now := time.Now()
	if now.Before(b.until) {
		return false
	}
	b.until = now.Add(lastPause)
	return true
}

// succeed reports whether the store was thought to be down.
func (b *breaker) succeed() (recovered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	recovered = b.failures > 0
	b.failures = 0
	return recovered
}

func (b *breaker) fail() {
	b.mu.Lock()
	defer b.mu.Unlock()
	pause := min(firstPause<<min(b.failures, 10), lastPause)
	b.failures++
	b.troubled = time.Now()
	b.until = b.troubled.Add(jitter(pause))
}

// trouble notes that something was missed, though the store answers.
func (b *breaker) trouble() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubled = time.Now()
}

// doubts reports whether the store may have lost or missed something.
func (b *breaker) doubts() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.troubled.IsZero() && time.Since(b.troubled) < troubleAge
}

// jitter returns between a half and the whole of d, so that instances which
// failed together do not return together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }
