// Package backoff holds the delays between the tries of one call.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Sleep waits for d. It returns false if ctx ends first.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Jitter returns between half and all of d, so that callers that failed
// together do not return together. d is at least 2 ns.
func Jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }

// SleepWithin is Sleep, but returns false at once if the deadline of ctx comes first.
func SleepWithin(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	return Sleep(ctx, d)
}
