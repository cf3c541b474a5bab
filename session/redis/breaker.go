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

// A breaker keeps requests from waiting for a store that does not respond: after
// a failure the store gets no operation for a growing time, and then one.
type breaker struct {
	mu       sync.Mutex // guards all below
	failures int
	until    time.Time // no operation before
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

// succeed notes a success. It reports whether it ends an outage.
func (b *breaker) succeed() (recovered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	recovered = b.failures > 0
	b.failures = 0
	return recovered
}

// fail notes a failure. It reports whether it is the first one of an outage.
func (b *breaker) fail() (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pause := min(firstPause<<min(b.failures, 10), lastPause)
	b.failures++
	b.until = time.Now().Add(backoff.Jitter(pause))
	return b.failures == 1
}
