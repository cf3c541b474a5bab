package redis_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// What any session.Coordinator must do, here by two instances.

// onPair runs a test with two instances on every store.
func onPair(t *testing.T, config redis.Config, test func(t *testing.T, s *store, a, b *redis.Coordinator)) {
	t.Helper()
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		s.age()
		test(t, s, newCoordinator(t, s.URL(), config), newCoordinator(t, s.URL(), config))
	})
}

func TestOneRefreshPerToken(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
		work := &errand{ask: slow(300 * time.Millisecond)}
		var herd sync.WaitGroup
		for range 50 {
			for _, c := range []*redis.Coordinator{a, b} {
				herd.Go(func() {
					if got := do(t, c, "a", work); got != "a'" {
						t.Errorf("got %s", got)
					}
				})
			}
		}
		herd.Wait()
		work.wantAsked(t, 1)
		do(t, b, "b", work)
		work.wantAsked(t, 2)
	})
}

func TestLockIsHeldAsLongAsTheWork(t *testing.T) {
	let := make(chan struct{})
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
		work := &errand{ask: held(let)}
		var pair sync.WaitGroup
		for _, c := range []*redis.Coordinator{a, b} {
			pair.Go(func() { do(t, c, "a", work) })
		}
		until(t, "upstream is asked", func() bool { return work.asked.Load() > 0 })
		record := s.keysOf("crossmint:{*}:*")[0]
		ends := func() string { end, _ := s.do("HGET", record, "until").ToString(); return end }
		first := ends()
		until(t, "the lock is renewed", func() bool { return ends() != first })
		let <- struct{}{}
		pair.Wait()
		work.wantAsked(t, 1)
	})
}

func TestWhoHasLostTheLockReleasesNothing(t *testing.T) {
	letA, letB := make(chan struct{}), make(chan struct{})
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
		fails := &errand{ask: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
			<-letA
			return nil, &session.UpstreamError{Kind: session.Unavailable}
		}}
		work := &errand{ask: held(letB)}
		var all sync.WaitGroup
		first := make(chan struct{})
		all.Go(func() { _ = fail(t, a, "a", fails); close(first) })
		until(t, "upstream is asked", func() bool { return fails.asked.Load() == 1 })
		s.passTime()
		all.Go(func() { do(t, b, "a", work) })
		until(t, "another one asks, too", func() bool { return work.asked.Load() == 1 })
		letA <- struct{}{}
		<-first
		all.Go(func() { do(t, a, "a", work) })
		until(t, "the first one waits now", func() bool {
			waiting, _ := s.do("HEXISTS", s.keysOf("crossmint:{*}:*")[0], "waiting").AsBool()
			return waiting
		})
		letB <- struct{}{}
		all.Wait()
		work.wantAsked(t, 1)
	})
}

func TestRefusalGivesWayToAGrant(t *testing.T) {
	letA, letB := make(chan struct{}), make(chan struct{})
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
		granted := &errand{ask: held(letA)}
		refused := &errand{ask: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
			<-letB
			return refuse(ctx, token)
		}}
		var second sync.WaitGroup
		first := make(chan struct{})
		go func() { do(t, a, "a", granted); close(first) }()
		until(t, "upstream is asked", func() bool { return granted.asked.Load() == 1 })
		s.passTime() // the first one cannot renew its lock, though it lives
		second.Go(func() {
			if got := do(t, b, "a", refused); got != "a'" {
				t.Errorf("got %s, want what the first one has recorded", got)
			}
		})
		until(t, "the second one asks, too", func() bool { return refused.asked.Load() == 1 })
		letA <- struct{}{}
		<-first
		letB <- struct{}{}
		second.Wait()
	})
}

func TestGrace(t *testing.T) {
	t.Run("the old token gets the same grant for a while, however often it comes", func(t *testing.T) {
		onPair(t, redis.Config{Grace: 2 * time.Second}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{}
			do(t, a, "a", work)
			do(t, b, "a", work)
			work.wantAsked(t, 1)
			until(t, "a late token reaches upstream", func() bool {
				do(t, b, "a", work)
				return work.asked.Load() == 2
			})
		})
	})
	t.Run("it is ten seconds", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			do(t, a, "a", &errand{})
			left, _ := s.do("PTTL", s.keysOf("*:value")[0]).AsInt64()
			if left <= 0 || left > 10_000 {
				t.Errorf("the grant is there for %d ms", left)
			}
		})
	})
	t.Run("through a chain the newest is given", func(t *testing.T) {
		onPair(t, redis.Config{Grace: time.Minute}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{}
			do(t, a, "a", work)
			do(t, b, "a'", work)
			do(t, a, "a''", work)
			if got := do(t, b, "a", work); got != "a'''" {
				t.Errorf("got %s, want the newest", got)
			}
			work.wantAsked(t, 3)
		})
	})
	t.Run("every instance is told when it ends, also through a chain", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			do(t, a, "a", &errand{})
			last := time.Now().Add(10*time.Second + time.Millisecond) // a began before
			for range 2 {
				shared, err := b.Do(t.Context(), session.NewSecret("a"), &errand{})
				if err != nil {
					t.Fatal(err)
				}
				if shared.Until.IsZero() || shared.Until.After(last) || !shared.Remembered {
					t.Errorf("until %v, remembered: %t; want %v at the latest", shared.Until, shared.Remembered, last)
				}
				do(t, a, "a'", &errand{})
			}
		})
	})
	t.Run("an upstream that does not rotate is asked again", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			same := func(ctx context.Context, token session.Secret) (*session.Grant, error) {
				return &session.Grant{RefreshToken: session.RefreshToken{Secret: token}}, nil
			}
			work := &errand{ask: same}
			do(t, a, "a", work)
			do(t, b, "a", work)
			work.wantAsked(t, 2)
		})
	})
}

func TestCallersComeAndGo(t *testing.T) {
	t.Run("who goes away stops nobody, and finds the grant when he returns", func(t *testing.T) {
		let := make(chan struct{})
		onPair(t, redis.Config{Grace: time.Minute}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{ask: held(let)}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				until(t, "upstream is asked", func() bool { return work.asked.Load() == 1 })
				cancel()
			}()
			if _, err := a.Do(ctx, session.NewSecret("a"), work); !errors.Is(err, context.Canceled) {
				t.Fatalf("err = %v, want the context's", err)
			}
			let <- struct{}{}
			if got := do(t, b, "a", work); got != "a'" {
				t.Errorf("got %s", got)
			}
			work.wantAsked(t, 1)
		})
	})
	t.Run("the values of the caller's context stay", func(t *testing.T) {
		type key struct{}
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{ask: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
				if ctx.Value(key{}) != "trace" {
					t.Error("the context's values are gone")
				}
				if _, ok := ctx.Deadline(); !ok {
					t.Error("the refresh has no deadline")
				}
				return successor(token), nil
			}}
			if _, err := a.Do(context.WithValue(t.Context(), key{}, "trace"), session.NewSecret("a"), work); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// doubtful reports whether err is a refusal that must clear no cookies.
func doubtful(t *testing.T, err error) bool {
	t.Helper()
	var up *session.UpstreamError
	if !errors.As(err, &up) || up.Kind != session.Refused {
		t.Errorf("err = %v, want a refusal", err)
		return false
	}
	return up.Doubtful
}

func TestRefusals(t *testing.T) {
	t.Run("a definite no is remembered by all", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{ask: refuse}
			for _, c := range []*redis.Coordinator{a, b, a} {
				if doubtful(t, fail(t, c, "a", work)) {
					t.Error("it is in doubt")
				}
			}
			work.wantAsked(t, 1)
			left, _ := s.do("PTTL", s.keysOf("*:value")[0]).AsInt64()
			if left <= 0 || left > 30_000 {
				t.Errorf("it is remembered for %d ms", left)
			}
		})
	})
	t.Run("an outage is not", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{ask: func(context.Context, session.Secret) (*session.Grant, error) {
				return nil, &session.UpstreamError{Kind: session.Unavailable}
			}}
			for _, c := range []*redis.Coordinator{a, b, a} {
				if err := fail(t, c, "a", work); !errors.Is(err, session.ErrUnavailable) {
					t.Fatalf("err = %v", err)
				}
			}
			work.wantAsked(t, 3)
			if keys := s.keysOf("crossmint:{*}:*"); len(keys) > 0 {
				t.Errorf("the store remembers %v", keys)
			}
		})
	})
	t.Run("that of a token which another instance has rotated is in doubt", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			do(t, a, "a", &errand{})
			s.do("DEL", s.keysOf("*:value")[0]) // the grace is over
			if !doubtful(t, fail(t, b, "a", &errand{ask: refuse})) {
				t.Error("it is not in doubt, though the successor lives")
			}
		})
	})
	t.Run("in the first minute of the store's memory every one is in doubt", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			s.do("FLUSHALL")
			if !doubtful(t, fail(t, b, "a", &errand{ask: refuse})) {
				t.Error("it is not in doubt, though the store may have known better")
			}
		})
	})
}
