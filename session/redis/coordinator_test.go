package redis_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
)

// onPair runs a test with two instances on every store.
func onPair(t *testing.T, config redis.Config, test func(t *testing.T, s *store, a, b *protocol.Coordinator)) {
	t.Helper()
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		test(t, s, newCoordinator(t, s.URL(), config), newCoordinator(t, s.URL(), config))
	})
}

// The certainty of a refusal.
const (
	definite  = false
	uncertain = true
)

// wantRefusal makes upstream refuse a token, and checks the certainty of the
// refusal.
func wantRefusal(t *testing.T, c session.Coordinator, token string, want bool) {
	t.Helper()
	wantRefusalOf(t, c, token, &coordinatortest.Calls{Exchange: coordinatortest.Refuse}, want)
}

func wantRefusalOf(t *testing.T, c session.Coordinator, token string, calls *coordinatortest.Calls, want bool) {
	t.Helper()
	err := coordinatortest.DoError(t, c, token, calls)
	var up *session.UpstreamError
	if !errors.As(err, &up) || !errors.Is(err, session.ErrRefused) || up.Uncertain != want {
		t.Errorf("err = %#v, want a refusal with Uncertain %t", err, want)
	}
}

func TestLogout(t *testing.T) {
	t.Run("it reaches the calls of all instances", func(t *testing.T) {
		release := make(chan struct{})
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
			calls, results := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}, make(chan error)
			for _, c := range []*protocol.Coordinator{a, b} {
				go func() {
					_, err := c.Do(t.Context(), session.NewSecret("a"), calls.Upstream())
					results <- err
				}()
			}
			coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() == 1 })
			coordinatortest.Logout(t, b, "a")
			release <- struct{}{}
			for range 2 {
				if err := <-results; !errors.Is(err, session.ErrLoggedOut) {
					t.Errorf("err = %v", err)
				}
			}
			coordinatortest.Eventually(t, "the grant was revoked", func() bool { return calls.Revoked.Load() == 1 })
			calls.WantExchanged(t, 1)
		})
	})
	t.Run("it fails if the store is unavailable", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
			s.Kill()
			if _, err := a.Logout(t.Context(), session.NewSecret("a")); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("err = %v", err)
			}
		})
	})
}

func TestClose(t *testing.T) {
	t.Run("other instances get the grant of the call in flight", func(t *testing.T) {
		release := make(chan struct{})
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
			calls, got := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}, make(chan string, 1)
			go func() { got <- coordinatortest.Do(t, a, "a", calls) }()
			coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() == 1 })
			closed := make(chan error)
			go func() { closed <- a.Close(t.Context()) }()
			release <- struct{}{}
			if err := <-closed; err != nil || <-got != "a'" {
				t.Errorf("the refresh in flight was lost: %v", err)
			}
			if got := coordinatortest.Do(t, b, "a", calls); got != "a'" {
				t.Errorf("the other instance got %s", got)
			}
		})
	})
	t.Run("a canceled call releases its lock", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
			calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(nil)}
			go func() { _, _ = a.Do(t.Context(), session.NewSecret("a"), calls.Upstream()) }()
			coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() == 1 })
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := a.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v", err)
			}
			if keys := s.keysOf(tokenKeys); len(keys) > 0 {
				t.Errorf("the lock is left behind: %v", keys)
			}
		})
	})
}

// t.FailNow in a transport calls runtime.Goexit.
func TestGoexitInTheRefresh(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, _ *store, a, _ *protocol.Coordinator) {
		calls := &coordinatortest.Calls{Exchange: func(context.Context, session.Secret) (*session.Grant, error) { runtime.Goexit(); return nil, nil }}
		_, err := a.Do(t.Context(), session.NewSecret("a"), calls.Upstream())
		if !errors.Is(err, session.ErrUnavailable) || t.Context().Err() != nil {
			t.Errorf("err = %v", err)
		}
	})
}

// panicking is an upstream whose calls panic while they are set.
type panicking struct {
	session.Upstream
	refresh, verify *atomic.Bool
}

func (p panicking) Refresh(ctx context.Context, token session.Secret) (*session.Grant, error) {
	if p.refresh.Load() {
		panic("refresh")
	}
	return p.Upstream.Refresh(ctx, token)
}

func (p panicking) VerifyReceived(ctx context.Context, jwt string) (*session.Token, error) {
	if p.verify.Load() {
		panic("verify")
	}
	return p.Upstream.VerifyReceived(ctx, jwt)
}

// The Manager recovers panics of its upstream. To the fleet they are outages.
func TestPanicsInUpstream(t *testing.T) {
	for _, test := range []struct {
		name            string
		refresh, verify bool
		exchanged       int // after the panics
	}{
		{name: "in the exchange", refresh: true, exchanged: 0},
		{name: "in the verification", verify: true, exchanged: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				fake, err := crossminttest.New(crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(fake.Close)
				f := &fleet{t: t, fake: fake}
				var refresh, verify atomic.Bool
				for range 2 {
					f.instances = append(f.instances, newInstanceOf(t, fake.Config(), s.URL(), redis.Config{}, func(client *crossmint.Client) session.Upstream {
						return panicking{client, &refresh, &verify}
					}))
				}
				jwt, token := f.expired("ada@example.com")
				refresh.Store(test.refresh)
				verify.Store(test.verify)
				for got, n := range all(f.instances, 2, jwt, token) {
					if got.Status != 503 || got.Cookies != "" {
						t.Errorf("%d times %d, cookies: %q", n, got.Status, got.Cookies)
					}
				}
				if n := fake.Calls().Refresh; n != test.exchanged {
					t.Errorf("upstream was asked %d times, want %d", n, test.exchanged)
				}
				refresh.Store(false)
				verify.Store(false)
				for got, n := range all(f.instances, 2, jwt, token) {
					if got.Status != 200 {
						t.Errorf("later: %d times %d", n, got.Status)
					}
				}
				if n := fake.Calls().Refresh; n != 1 {
					t.Errorf("upstream was asked %d times, want 1", n)
				}
			})
		})
	}
}
