package limit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/limit"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	rate     = 10
	burst    = 50
	inFlight = 16
	queue    = 1000
)

func newBucket() *limit.Bucket {
	return limit.NewBucket(limit.BucketConfig{Rate: rate, Burst: burst, InFlight: inFlight, Queue: queue})
}

// call runs one call of the given duration, and reports whether it was let in.
func call(t *testing.T, b *limit.Bucket, duration time.Duration, accepted bool) bool {
	t.Helper()
	if !b.Acquire(t.Context()) {
		return false
	}
	time.Sleep(duration)
	b.Release(accepted)
	return true
}

// passedWithin counts the calls of a flood that get in within d.
func passedWithin(t *testing.T, b *limit.Bucket, d time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var wg sync.WaitGroup
	var passed atomic.Int64
	for ctx.Err() == nil {
		wg.Go(func() {
			if b.Acquire(ctx) {
				passed.Add(1)
				b.Release(false)
			}
		})
		time.Sleep(time.Millisecond)
	}
	wg.Wait()
	return int(passed.Load())
}

// TestBucketLimitsRejectedCalls makes a thousand calls a second.
func TestBucketLimitsRejectedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket()
		if got, want := passedWithin(t, b, 5*time.Second), burst+5*rate; got < want-1 || got > want {
			t.Errorf("%d rejected calls passed in 5 s, want %d", got, want)
		}
		time.Sleep(time.Hour)
		if got := passedWithin(t, b, 60*time.Millisecond); got != burst {
			t.Errorf("%d rejected calls passed at once after an hour, want %d", got, burst)
		}
	})
}

// TestBucketWaitsForToken empties the bucket. Later calls get their tokens in
// the order in which they came, at the rate of the bucket.
func TestBucketWaitsForToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket()
		for range burst {
			call(t, b, 0, false)
		}
		started := time.Now()
		var wg sync.WaitGroup
		waited := make([]time.Duration, 60)
		for i := range waited {
			wg.Go(func() {
				if call(t, b, 0, false) {
					waited[i] = time.Since(started)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		for i, got := range waited {
			if want := time.Duration(i+1) * time.Second / rate; (got - want).Abs() > time.Millisecond {
				t.Errorf("call %d got in after %v, want %v", i, got, want)
			}
		}
	})
}

func TestBucketAcceptedCallsReturnTheirTokens(t *testing.T) {
	tests := []struct {
		name     string
		calls    int
		interval time.Duration
		duration time.Duration
	}{
		{name: "500 calls a second", calls: 1000, interval: 2 * time.Millisecond, duration: 20 * time.Millisecond},
		{name: "500 calls at once", calls: 500, interval: 0, duration: 50 * time.Millisecond},
		{name: "one after the other", calls: 1000, interval: time.Millisecond, duration: 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBucket()
				var wg sync.WaitGroup
				var passed atomic.Int64
				for range test.calls {
					wg.Go(func() {
						if call(t, b, test.duration, true) {
							passed.Add(1)
						}
					})
					time.Sleep(test.interval)
				}
				wg.Wait()
				if got := passed.Load(); got != int64(test.calls) {
					t.Errorf("%d calls passed, want %d", got, test.calls)
				}
			})
		})
	}
}

// TestBucketRefundStaysWithinBurst accepts calls with a full bucket.
func TestBucketRefundStaysWithinBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket()
		for range 2 * burst {
			call(t, b, time.Second, true)
		}
		if got := passedWithin(t, b, 60*time.Millisecond); got != burst {
			t.Errorf("%d rejected calls passed at once, want %d", got, burst)
		}
	})
}

func TestBucketBoundsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket()
		// flood starts more calls than the bucket holds, and returns how many
		// it turns away at once.
		flood := func(ctx context.Context) (turnedAway int) {
			const calls = inFlight + queue + 500
			results := make(chan bool, calls)
			for range calls {
				go func() { results <- b.Acquire(ctx) }()
			}
			synctest.Wait()
			for range len(results) {
				if !<-results {
					turnedAway++
				}
			}
			return turnedAway
		}
		ctx, cancel := context.WithCancel(t.Context())
		if got := flood(ctx); got != 500 {
			t.Errorf("%d calls were turned away, want 500", got)
		}
		cancel()
		synctest.Wait()
		for range inFlight {
			b.Release(true)
		}
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		if got := flood(ctx); got != 500 {
			t.Errorf("after all callers left, %d calls were turned away, want 500", got)
		}
	})
}

// TestBucketWaitsForTokensOfRunningCalls empties the bucket with running calls.
func TestBucketWaitsForTokensOfRunningCalls(t *testing.T) {
	for _, test := range []struct {
		name     string
		accepted bool
	}{
		{name: "running call accepted", accepted: true},
		{name: "running call rejected", accepted: false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := limit.NewBucket(limit.BucketConfig{Rate: 0.001, Burst: 1, InFlight: 1, Queue: 1})
				go call(t, b, time.Second, test.accepted)
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if got := b.Acquire(ctx); got != test.accepted {
					t.Errorf("Acquire = %v, want %v", got, test.accepted)
				}
			})
		})
	}
}
