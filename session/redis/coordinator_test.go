package redis_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/crossmint-go/auth/session/redis"
)

func TestContract(t *testing.T) {
	t.Run("one instance", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			fleettest.RunCoordinator(t, func(t *testing.T) session.Coordinator {
				s.reset()
				return newCoordinator(t, s.URL(), redis.Config{Grace: time.Minute})
			})
		})
	})
	t.Run("two instances", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			fleettest.RunCoordinator(t, func(t *testing.T) session.Coordinator {
				s.reset()
				config := redis.Config{Grace: time.Minute}
				return &pair{a: newCoordinator(t, s.URL(), config), b: newCoordinator(t, s.URL(), config)}
			})
		})
	})
}

func (s *store) reset() {
	s.t.Helper()
	s.do("FLUSHALL")
}

// pair is a load balancer that alternates between two instances.
type pair struct {
	a, b  *redis.Coordinator
	calls atomic.Int64
}

func (p *pair) next() *redis.Coordinator {
	if p.calls.Add(1)%2 == 1 {
		return p.a
	}
	return p.b
}

func (p *pair) Do(ctx context.Context, token session.Secret, calls session.UpstreamCalls) (session.Shared, error) {
	return p.next().Do(ctx, token, calls)
}

func (p *pair) Logout(ctx context.Context, token session.Secret) ([]*session.Grant, error) {
	return p.next().Logout(ctx, token)
}

func (p *pair) Close(ctx context.Context) error {
	return errors.Join(p.a.Close(ctx), p.b.Close(ctx))
}

// onPair runs a test with two instances on every store.
func onPair(t *testing.T, config redis.Config, test func(t *testing.T, s *store, a, b *redis.Coordinator)) {
	t.Helper()
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		test(t, s, newCoordinator(t, s.URL(), config), newCoordinator(t, s.URL(), config))
	})
}

func TestGrace(t *testing.T) {
	t.Run("the old token gets the same grant until the grace period ends", func(t *testing.T) {
		onPair(t, redis.Config{Grace: 2 * time.Second}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			calls := &coordinatortest.Calls{}
			coordinatortest.Do(t, a, "a", calls)
			coordinatortest.Do(t, b, "a", calls)
			calls.WantExchanged(t, 1)
			coordinatortest.Eventually(t, "a late token reached upstream", func() bool {
				coordinatortest.Do(t, b, "a", calls)
				return calls.Exchanged.Load() == 2
			})
		})
	})
	t.Run("it begins when another instance reads the grant, which is kept for an hour until then", func(t *testing.T) {
		onPair(t, redis.Config{Grace: time.Second}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			calls := &coordinatortest.Calls{}
			coordinatortest.Do(t, a, "a", calls)
			value := s.keysOf("*:value")[0]
			s.wantTTL(value, 59*time.Minute, time.Hour)
			time.Sleep(1500 * time.Millisecond) // longer than the grace period
			if got := coordinatortest.Do(t, b, "a", calls); got != "a'" {
				t.Errorf("got %s", got)
			}
			calls.WantExchanged(t, 1)
			s.wantTTL(value, 0, time.Second)
		})
	})
	t.Run("the default is ten seconds, and later readers do not prolong it", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			coordinatortest.Do(t, a, "a", &coordinatortest.Calls{})
			coordinatortest.Do(t, b, "a", &coordinatortest.Calls{})
			time.Sleep(time.Second)
			coordinatortest.Do(t, b, "a", &coordinatortest.Calls{})
			s.wantTTL(s.keysOf("*:value")[0], 0, 9*time.Second)
		})
	})
	t.Run("a follower does not begin it", func(t *testing.T) {
		release := make(chan struct{})
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}
			var callers sync.WaitGroup
			callers.Go(func() { coordinatortest.Do(t, a, "a", calls) })
			coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() == 1 })
			callers.Go(func() { coordinatortest.Do(t, b, "a", calls) })
			s.wantFollower()
			release <- struct{}{}
			callers.Wait()
			s.wantTTL(s.keysOf("*:value")[0], 59*time.Minute, time.Hour)
		})
	})
	t.Run("every reader gets the time until which it may keep the grant, also through a chain", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			calls := &coordinatortest.Calls{}
			coordinatortest.Do(t, a, "a", calls)
			wantUntil(t, b, "a", time.Hour)
			coordinatortest.Do(t, a, "a'", calls)
			wantUntil(t, b, "a", 10*time.Second)
			wantUntil(t, a, "a", 10*time.Second)
		})
	})
}

// wantUntil checks the time until which an instance may keep the grant of another.
func wantUntil(t *testing.T, c session.Coordinator, token string, want time.Duration) {
	t.Helper()
	shared, err := c.Do(t.Context(), session.NewSecret(token), (&coordinatortest.Calls{}).Upstream())
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(shared.Until); left > want || left < want/2 || !shared.Cached {
		t.Errorf("the grant may be kept for %v, Cached is %t; want up to %v", left, shared.Cached, want)
	}
}

// wantTTL checks the TTL of a key.
func (s *store) wantTTL(key string, least, most time.Duration) {
	s.t.Helper()
	if ms, _ := s.do("PTTL", key).AsInt64(); ms <= least.Milliseconds() || ms > most.Milliseconds() {
		s.t.Errorf("the TTL of %s is %d ms, want more than %v, and at most %v", key, ms, least, most)
	}
}

func TestRefusals(t *testing.T) {
	t.Run("a definite one is cached for 30 s", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			wantRefusal(t, a, "a", definite)
			s.wantTTL(s.keysOf("*:value")[0], 0, 30*time.Second)
		})
	})
	t.Run("an outage leaves nothing in the store", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			_ = coordinatortest.DoError(t, a, "a", &coordinatortest.Calls{Exchange: coordinatortest.Overloaded})
			if keys := s.keysOf("crossmint:{*}:*"); len(keys) > 0 {
				t.Errorf("the store holds %v", keys)
			}
		})
	})
	t.Run("one of a token that another instance has used is uncertain", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			coordinatortest.Do(t, a, "a", &coordinatortest.Calls{})
			s.do("DEL", s.keysOf("*:value")[0]) // the grace period has ended
			wantRefusal(t, b, "a", uncertain)
		})
	})
	t.Run("one of a token that was used while upstream was asked is uncertain, also after the grace period", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			calls := &coordinatortest.Calls{Exchange: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
				s.do("HSET", s.keysOf("crossmint:{*}:*")[0], "rotated", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
				return coordinatortest.Refuse(ctx, token)
			}}
			for _, c := range []*redis.Coordinator{a, b} {
				wantRefusalOf(t, c, "a", calls, uncertain)
			}
			calls.WantExchanged(t, 1)
		})
	})
	t.Run("one from a flushed store is definite", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			s.do("FLUSHALL")
			wantRefusal(t, b, "a", definite)
		})
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
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			calls, results := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}, make(chan error)
			for _, c := range []*redis.Coordinator{a, b} {
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
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
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
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
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
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(nil)}
			go func() { _, _ = a.Do(t.Context(), session.NewSecret("a"), calls.Upstream()) }()
			coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() == 1 })
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
}

// t.FailNow in a transport calls runtime.Goexit.
func TestGoexitInTheRefresh(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, _ *store, a, _ *redis.Coordinator) {
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
