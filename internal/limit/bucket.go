package limit

import (
	"context"
	"math"
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
	// Queue is how many calls may wait for a slot and a token.
	Queue int
}

// A Bucket is a token bucket for calls that upstream either accepts or
// rejects. Each running call holds one token. An accepted call returns it, so
// only rejected calls use up the bucket, and accepted ones pass at any rate.
type Bucket struct {
	config BucketConfig
	slots  chan struct{} // one element per call that runs or waits for a token
	// turn is held by the one call that waits for a token, so that the calls
	// get their tokens in the order in which they came.
	turn     chan struct{}
	refunded chan struct{} // wakes the call that holds turn

	mu      sync.Mutex // guards all below
	tokens  float64
	updated time.Time
	queued  int
}

// NewBucket returns a full Bucket.
func NewBucket(config BucketConfig) *Bucket {
	return &Bucket{
		config:   config,
		slots:    make(chan struct{}, config.InFlight),
		turn:     make(chan struct{}, 1),
		refunded: make(chan struct{}, 1),
		tokens:   float64(config.Burst),
		updated:  time.Now(),
	}
}

// Acquire waits for a slot and a token. It returns false if the queue is full or
// ctx ends first. After true the caller must call [Bucket.Release] once.
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
	if !b.waitForToken(ctx) {
		<-b.slots
		return false
	}
	return true
}

// Release frees the slot of an acquired call. With refund it returns the
// token, too.
func (b *Bucket) Release(refund bool) {
	<-b.slots
	if !refund {
		return
	}
	b.mu.Lock()
	b.tokens++ // refillLocked applies the bound
	b.mu.Unlock()
	select {
	case b.refunded <- struct{}{}:
	default:
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

// waitForToken takes a token as soon as there is one. It returns false if ctx
// ends first.
func (b *Bucket) waitForToken(ctx context.Context) bool {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-b.turn }()
	for {
		wait := b.takeToken()
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-b.refunded:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// takeToken takes a token and returns 0, or returns the time until there is one.
func (b *Bucket) takeToken() (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refillLocked()
	if b.tokens < 1 {
		missing := (1 - b.tokens) / b.config.Rate * float64(time.Second)
		return time.Duration(math.Ceil(missing))
	}
	b.tokens--
	return 0
}

// isFull reports whether the bucket has gained all its tokens again.
func (b *Bucket) isFull() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refillLocked()
	return b.tokens >= float64(b.config.Burst)
}

// refillLocked adds the tokens gained since the last call, up to Burst.
func (b *Bucket) refillLocked() {
	now := time.Now()
	gained := now.Sub(b.updated).Seconds() * b.config.Rate
	b.tokens = min(b.tokens+gained, float64(b.config.Burst))
	b.updated = now
}
