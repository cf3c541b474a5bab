package limit

import (
	"context"
	"math"
	"slices"
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
// Waiting calls get their turns in the order in which they came.
type Bucket struct {
	config BucketConfig

	mu      sync.Mutex // guards all below
	tokens  float64
	updated time.Time
	running int
	waiting []chan struct{} // one for each waiting call; closed at its turn
	refill  *time.Timer     // calls startWaiting when there is a token; nil: not needed yet
}

// NewBucket returns a full Bucket.
func NewBucket(config BucketConfig) *Bucket {
	b := &Bucket{}
	b.init(config)
	return b
}

func (b *Bucket) init(config BucketConfig) {
	b.config, b.tokens, b.updated = config, float64(config.Burst), time.Now()
}

// Acquire waits for a slot and a token. It returns false if the queue is full or
// ctx ends first. After true the caller must call [Bucket.Release] once.
func (b *Bucket) Acquire(ctx context.Context) bool {
	if b.TryAcquire() {
		return true
	}
	turn := b.enqueue()
	if turn == nil {
		return false
	}
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	}
	if !b.leaveQueue(turn) {
		b.Release(true) // the turn came at the same moment
	}
	return false
}

// TryAcquire is Acquire without waiting.
func (b *Bucket) TryAcquire() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting) == 0 && b.startLocked()
}

// Release frees the slot of an acquired call. With refund it returns the
// token, too.
func (b *Bucket) Release(refund bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	if refund {
		b.tokens++ // refillLocked applies the bound
	}
	b.startWaitingLocked()
}

// enqueue returns the channel that is closed at the caller's turn, or nil if the
// queue is full.
func (b *Bucket) enqueue() chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) >= b.config.Queue {
		return nil
	}
	turn := make(chan struct{})
	b.waiting = append(b.waiting, turn)
	b.startWaitingLocked()
	return turn
}

// leaveQueue returns false if the turn has come already.
func (b *Bucket) leaveQueue(turn chan struct{}) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, turn)
	if i < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.startWaitingLocked() // stops the timer of an empty queue
	return true
}

// startLocked starts a call if there are a slot and a token.
func (b *Bucket) startLocked() bool {
	b.refillLocked()
	if b.running >= b.config.InFlight || b.tokens < 1 {
		return false
	}
	b.running++
	b.tokens--
	return true
}

func (b *Bucket) startWaiting() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.startWaitingLocked()
}

// startWaitingLocked starts as many waiting calls as it can. If the next one lacks
// only a token, the timer starts it.
func (b *Bucket) startWaitingLocked() {
	for len(b.waiting) > 0 && b.startLocked() {
		close(b.waiting[0])
		b.waiting = b.waiting[1:]
	}
	switch {
	case len(b.waiting) == 0 || b.running >= b.config.InFlight:
		if b.refill != nil {
			b.refill.Stop()
		}
	case b.refill == nil:
		b.refill = time.AfterFunc(b.untilTokenLocked(), b.startWaiting)
	default:
		b.refill.Reset(b.untilTokenLocked())
	}
}

// untilTokenLocked returns the time until the bucket has gained a token.
func (b *Bucket) untilTokenLocked() time.Duration {
	missing := (1 - b.tokens) / b.config.Rate * float64(time.Second)
	return time.Duration(math.Ceil(missing))
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
