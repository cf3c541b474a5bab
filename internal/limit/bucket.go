package limit

import (
	"context"
	"sync"
	"time"
)

// BucketConfig configures a [Bucket]. Every field must be above zero.
type BucketConfig struct {
	// Rate is how many tokens the bucket gains per second.
	Rate float64
	// Burst is how many tokens the bucket holds. It starts full.
	Burst int
	// InFlight is how many calls may run at once.
	InFlight int
	// Queue is how many calls may wait for one of the InFlight slots.
	Queue int
}

// A Bucket is a token bucket for calls that upstream either accepts or
// rejects. Each running call holds one token. An accepted call returns it, so
// only rejected calls use up the bucket, and accepted ones pass at any rate.
type Bucket struct {
	config BucketConfig
	slots  chan struct{} // one element per running call

	mu      sync.Mutex // guards all below
	tokens  float64
	updated time.Time
	queued  int
}

// NewBucket returns a full Bucket.
func NewBucket(config BucketConfig) *Bucket {
	return &Bucket{
		config:  config,
		slots:   make(chan struct{}, config.InFlight),
		tokens:  float64(config.Burst),
		updated: time.Now(),
	}
}

// Acquire waits for a slot and takes a token. It returns false if the queue is
// full, no token is left, or ctx ends first. After true the caller must call
// [Bucket.Release] once.
func (b *Bucket) Acquire(ctx context.Context) bool {
	if !b.enqueue() {
		return false
	}
	defer b.dequeue()
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if !b.takeToken() {
		<-b.slots
		return false
	}
	return true
}

// Release frees the slot of an acquired call. With refund it returns the
// token, too.
func (b *Bucket) Release(refund bool) {
	<-b.slots
	b.mu.Lock()
	defer b.mu.Unlock()
	if refund {
		b.tokens++ // refillLocked applies the bound
	}
}

// enqueue reports whether the queue had room for one more call. It does not look
// at the tokens, since running calls may return theirs.
func (b *Bucket) enqueue() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queued >= b.config.Queue {
		return false
	}
	b.queued++
	return true
}

func (b *Bucket) dequeue() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queued--
}

func (b *Bucket) takeToken() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refillLocked()
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// refillLocked adds the tokens gained since the last call, up to Burst.
func (b *Bucket) refillLocked() {
	now := time.Now()
	gained := now.Sub(b.updated).Seconds() * b.config.Rate
	b.tokens = min(b.tokens+gained, float64(b.config.Burst))
	b.updated = now
}
