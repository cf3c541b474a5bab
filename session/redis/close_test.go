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

func TestPanicsAreContained(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
		work := &errand{ask: func(context.Context, session.Secret) (*session.Grant, error) { panic("ask") }}
		var herd sync.WaitGroup
		for _, c := range []*redis.Coordinator{a, b, a, b} {
			herd.Go(func() {
				if err := fail(t, c, "a", work); !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("err = %v", err)
				}
			})
		}
		herd.Wait()
		work.ask = nil
		do(t, b, "a", work)
	})
}

func TestClose(t *testing.T) {
	t.Run("waits for what is in flight", func(t *testing.T) {
		let := make(chan struct{})
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work, got := &errand{ask: held(let)}, make(chan string, 1)
			go func() { got <- do(t, a, "a", work) }()
			until(t, "upstream is asked", func() bool { return work.asked.Load() == 1 })
			closed := make(chan error)
			go func() { closed <- a.Close(t.Context()) }()
			let <- struct{}{}
			if err := <-closed; err != nil || <-got != "a'" {
				t.Errorf("the refresh in flight was lost: %v", err)
			}
			if err := fail(t, a, "b", work); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("after Close: %v", err)
			}
			if got := do(t, b, "a", work); got != "a'" {
				t.Errorf("the other instance got %s", got)
			}
		})
	})
	t.Run("ends it when its patience ends", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{ask: held(nil)}
			go func() { _, _ = a.Do(t.Context(), session.NewSecret("a"), work) }()
			until(t, "upstream is asked", func() bool { return work.asked.Load() == 1 })
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := a.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v", err)
			}
			if keys := s.keysOf("crossmint:{*}:*"); len(keys) > 0 {
				t.Errorf("the lock is left behind: %v", keys)
			}
		})
	})
	t.Run("has nothing to say where nothing is in flight", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := errors.Join(a.Close(ctx), a.Close(ctx)); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestCloseDoesNotWaitForATransportThatHeedsNoContext(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, _ *store, a, _ *redis.Coordinator) {
		end := make(chan struct{})
		work := &errand{ask: func(context.Context, session.Secret) (*session.Grant, error) {
			<-end
			return nil, &session.UpstreamError{}
		}}
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			_, _ = a.Do(t.Context(), session.NewSecret("a"), work)
		}()
		until(t, "upstream is asked", func() bool { return work.asked.Load() == 1 })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		closed := make(chan struct{})
		go func() { defer close(closed); _ = a.Close(ctx) }()
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Error("Close waits for the transport")
		}
		close(end)
		<-closed
		<-asked
	})
}
