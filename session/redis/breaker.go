package redis

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

// troubleAge is the time for which refusals are uncertain after the store has
// failed. It is longer than a refresh that another instance had started before,
// and the grace period of its grant.
const troubleAge = time.Minute

// A breaker keeps requests from waiting for a store that does not respond: after
// a failure the store gets no operation for a growing time, and then one.
type breaker struct {
	mu       sync.Mutex // guards all below
	failures int
	until    time.Time // no operation before
	troubled time.Time // the last failure
}

// allow reports whether the store may be asked. After a pause the first operation
// is allowed, and the others once it has succeeded.
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

// succeed notes a success. It reports whether the store had failed before.
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
	b.until = b.troubled.Add(backoff.Jitter(pause))
}

// trouble notes that a notification may be lost, although the store responds.
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
