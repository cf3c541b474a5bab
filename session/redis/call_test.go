package redis_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
)

func TestLockIsRenewedDuringTheRefresh(t *testing.T) {
	release := make(chan struct{})
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}
		var callers sync.WaitGroup
		for _, c := range []*protocol.Coordinator{a, b} {
			callers.Go(func() { coordinatortest.Do(t, c, "a", calls) })
		}
		coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() > 0 })
		expiry := func() string { return s.records()[0][lockedUntil : lockedUntil+8] }
		first := expiry()
		coordinatortest.Eventually(t, "the lock was renewed", func() bool { return expiry() != first })
		release <- struct{}{}
		callers.Wait()
		calls.WantExchanged(t, 1)
	})
}

func TestLostLockIsNotReleased(t *testing.T) {
	releaseA, releaseB := make(chan struct{}), make(chan struct{})
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		fails := &coordinatortest.Calls{Exchange: func(context.Context, session.Secret) (*session.Grant, error) {
			<-releaseA
			return nil, &session.UpstreamError{Kind: session.ErrUnavailable}
		}}
		calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(releaseB)}
		var callers sync.WaitGroup
		first := make(chan struct{})
		callers.Go(func() { _ = coordinatortest.DoError(t, a, "a", fails); close(first) })
		coordinatortest.Eventually(t, "upstream was asked", func() bool { return fails.Exchanged.Load() == 1 })
		s.expireLocks()
		callers.Go(func() { coordinatortest.Do(t, b, "a", calls) })
		coordinatortest.Eventually(t, "the second instance asked upstream", func() bool { return calls.Exchanged.Load() == 1 })
		releaseA <- struct{}{}
		<-first
		callers.Go(func() { coordinatortest.Do(t, a, "a", calls) })
		s.wantFollower()
		releaseB <- struct{}{}
		callers.Wait()
		calls.WantExchanged(t, 1)
	})
}

func TestRefusalDoesNotReplaceAGrant(t *testing.T) {
	releaseA, releaseB := make(chan struct{}), make(chan struct{})
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		granted := &coordinatortest.Calls{Exchange: coordinatortest.Held(releaseA)}
		refused := &coordinatortest.Calls{Exchange: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
			<-releaseB
			return coordinatortest.Refuse(ctx, token)
		}}
		var second sync.WaitGroup
		first := make(chan struct{})
		go func() { coordinatortest.Do(t, a, "a", granted); close(first) }()
		coordinatortest.Eventually(t, "upstream was asked", func() bool { return granted.Exchanged.Load() == 1 })
		s.expireLocks() // the first instance cannot renew its lock, but still runs
		second.Go(func() {
			if got := coordinatortest.Do(t, b, "a", refused); got != "a'" {
				t.Errorf("got %s, want the grant of the first instance", got)
			}
		})
		coordinatortest.Eventually(t, "the second instance asked upstream", func() bool { return refused.Exchanged.Load() == 1 })
		releaseA <- struct{}{}
		<-first
		releaseB <- struct{}{}
		second.Wait()
	})
}

func TestUnverifiedGrantWithoutTheStore(t *testing.T) {
	onPair(t, quick, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		coordinatortest.Do(t, a, "warm", &coordinatortest.Calls{})
		s.Kill()
		calls := &coordinatortest.Calls{Verify: coordinatortest.NoKeys}
		for range 2 {
			_ = coordinatortest.DoError(t, a, "a", calls)
		}
		calls.Verify = nil
		if got := coordinatortest.Do(t, a, "a", calls); got != "a'" || calls.Verified.Load() != 3 {
			t.Errorf("got %s after %d verifications, want 3", got, calls.Verified.Load())
		}
		calls.WantExchanged(t, 1)
		// It is verified now. Within a process, the Manager's own coordinator
		// caches it.
		coordinatortest.Do(t, a, "a", calls)
		calls.WantExchanged(t, 2)
	})
}

func TestOldTokenDoesNotLeadToAnUnverifiedGrant(t *testing.T) {
	onPair(t, redis.Config{Grace: time.Minute}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		calls := &coordinatortest.Calls{}
		coordinatortest.Do(t, a, "a", calls)
		calls.Verify = coordinatortest.Invalid
		_ = coordinatortest.DoError(t, a, "a'", calls)
		if got := coordinatortest.Do(t, b, "a", calls); got != "a'" {
			t.Errorf("got %s, want the latest verified grant", got)
		}
		calls.WantExchanged(t, 2)
	})
}

// A response with the JWT of another project is a refusal with a grant. The grant
// is not lost.
func TestGrantBesideARefusalIsStored(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		calls := &coordinatortest.Calls{Verify: func(*session.Grant) error {
			return &session.UpstreamError{Kind: session.ErrRefused, Uncertain: true}
		}}
		if err := coordinatortest.DoError(t, a, "a", calls); !errors.Is(err, session.ErrRefused) {
			t.Errorf("err = %v, want a refusal", err)
		}
		calls.Verify = nil
		if got := coordinatortest.Do(t, b, "a", calls); got != "a'" {
			t.Errorf("got %s, want the stored grant", got)
		}
		calls.WantExchanged(t, 1)
	})
}
