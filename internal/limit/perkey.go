package limit

import (
	"context"
	"sync"
)

// minSweep is the number of keys from which a [PerKey] looks for keys to forget.
const minSweep = 1 << 10

// A PerKey is a [Bucket] for each key. It keeps only the keys that have running
// calls or have used up tokens.
type PerKey struct {
	config  BucketConfig
	maxKeys int

	mu      sync.Mutex // guards all below
	buckets map[string]*sharedBucket
	sweepAt int // the number of keys at which to sweep next
}

// sharedBucket counts the calls that use it. PerKey.mu guards calls.
type sharedBucket struct {
	Bucket
	calls int
}

// NewPerKey returns a PerKey for up to maxKeys keys at once.
func NewPerKey(config BucketConfig, maxKeys int) *PerKey {
	return &PerKey{config: config, maxKeys: maxKeys, buckets: map[string]*sharedBucket{}, sweepAt: min(minSweep, maxKeys)}
}

// Acquire is [Bucket.Acquire] for the bucket of key. It also returns false if
// there are too many keys. After true the caller must call [PerKey.Release] once.
func (p *PerKey) Acquire(ctx context.Context, key string) bool {
	b := p.enter(key)
	if b == nil {
		return false
	}
	if !b.Acquire(ctx) {
		p.leave(key, b)
		return false
	}
	return true
}

// TryAcquire is Acquire without waiting.
func (p *PerKey) TryAcquire(key string) bool {
	b := p.enter(key)
	if b == nil {
		return false
	}
	if !b.TryAcquire() {
		p.leave(key, b)
		return false
	}
	return true
}

// Release is [Bucket.Release] for an acquired call of key.
func (p *PerKey) Release(key string, refund bool) {
	p.mu.Lock()
	b := p.buckets[key]
	p.mu.Unlock()
	b.Release(refund)
	p.leave(key, b)
}

// enter returns the bucket of key for one more call, or nil.
func (p *PerKey) enter(key string) *sharedBucket {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.buckets[key]
	if b == nil {
		if len(p.buckets) >= p.sweepAt {
			p.sweepLocked()
		}
		if len(p.buckets) >= p.maxKeys {
			return nil
		}
		b = &sharedBucket{}
		b.init(p.config)
		p.buckets[key] = b
	}
	b.calls++
	return b
}

func (p *PerKey) leave(key string, b *sharedBucket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.calls--
	if b.canForgetLocked() {
		delete(p.buckets, key)
	}
}

func (b *sharedBucket) canForgetLocked() bool { return b.calls == 0 && b.isFull() }

// sweepLocked forgets keys whose buckets are full again.
func (p *PerKey) sweepLocked() {
	for key, b := range p.buckets {
		if b.canForgetLocked() {
			delete(p.buckets, key)
		}
	}
	p.sweepAt = min(max(2*len(p.buckets), minSweep), p.maxKeys)
}
