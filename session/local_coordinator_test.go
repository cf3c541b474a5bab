package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/google/go-cmp/cmp"
)

func newLocalCoordinator(t *testing.T, shared session.Coordinator) *session.LocalCoordinator {
	t.Helper()
	c := session.NewLocalCoordinator(shared, func(_ context.Context, e event.Event) { t.Logf("event: %s %v", e.Outcome, e.Err) })
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func TestLocalCoordinatorContract(t *testing.T) {
	fleettest.RunCoordinator(t, func(t *testing.T) session.Coordinator { return newLocalCoordinator(t, nil) })
}

// Two levels keep the same contract.
func TestNestedCoordinatorContract(t *testing.T) {
	fleettest.RunCoordinator(t, func(t *testing.T) session.Coordinator {
		return newLocalCoordinator(t, newLocalCoordinator(t, nil))
	})
}

func TestSlowExchangeIsShared(t *testing.T) {
	for _, latency := range []time.Duration{50 * time.Millisecond, 2500 * time.Millisecond, 8 * time.Second} {
		bubble(t, latency.String(), func(t *testing.T) {
			c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{Exchange: coordinatortest.Slow(latency)}
			var callers sync.WaitGroup
			for range 1000 {
				callers.Go(func() {
					if got := coordinatortest.Do(t, c, "a", calls); got != "a'" {
						t.Errorf("got %s", got)
					}
				})
			}
			callers.Wait()
			calls.WantExchanged(t, 1)
		})
	}
}

// TestRequestMemoryIsReused has a caller whose request is over before the exchange
// begins, and whose server then uses the memory of its token for another request.
func TestRequestMemoryIsReused(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		exchanged := make(chan string, 1)
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{Exchange: func(_ context.Context, token session.Secret) (*session.Grant, error) {
			time.Sleep(second)
			exchanged <- token.Reveal()
			return coordinatortest.Successor(token), nil
		}}
		memory := []byte("token of Ann")
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		if _, err := c.Do(ctx, session.NewSecret(unsafe.String(&memory[0], len(memory))), calls.Upstream()); err == nil {
			t.Error("the caller has waited for the exchange")
		}
		copy(memory, "token of Bob")
		if got := <-exchanged; got != "token of Ann" {
			t.Errorf("exchanged the %s", got)
		}
	})
}

func TestGracePeriod(t *testing.T) {
	bubble(t, "the old token gets the same grant for ten seconds after the delivery, and use does not prolong it", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{}
		coordinatortest.Do(t, c, "a", calls)
		for range 9 {
			c.MarkDelivered("a") // later deliveries count no more than the first one
			time.Sleep(time.Second)
			coordinatortest.Do(t, c, "a", calls)
		}
		calls.WantExchanged(t, 1)
		time.Sleep(1100 * time.Millisecond)
		coordinatortest.Do(t, c, "a", calls)
		calls.WantExchanged(t, 2)
	})
	bubble(t, "each token of a chain has its own", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{}
		coordinatortest.Do(t, c, "a", calls)
		c.MarkDelivered("a")
		time.Sleep(4 * time.Second)
		coordinatortest.Do(t, c, "a'", calls)
		c.MarkDelivered("a'")
		time.Sleep(4 * time.Second)
		if got := coordinatortest.Do(t, c, "a", calls); got != "a''" {
			t.Errorf("got %s, want the latest", got)
		}
		time.Sleep(3 * time.Second) // the grace period of a has ended, that of a' has not
		if got := coordinatortest.Do(t, c, "a'", calls); got != "a''" {
			t.Errorf("got %s, want the latest", got)
		}
		calls.WantExchanged(t, 2)
	})
	bubble(t, "it begins with the delivery, also for a grant that no caller has received", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{Exchange: coordinatortest.Slow(2 * time.Second)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Do(ctx, session.NewSecret("a"), calls.Upstream()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("err = %v, want that of the context", err)
		}
		time.Sleep(50 * time.Minute)
		if got := coordinatortest.Do(t, c, "a", calls); got != "a'" {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Minute)
		coordinatortest.Do(t, c, "a", calls) // not delivered yet
		c.MarkDelivered("a")
		time.Sleep(9 * time.Second)
		coordinatortest.Do(t, c, "a", calls)
		calls.WantExchanged(t, 1)
		time.Sleep(2 * time.Second)
		coordinatortest.Do(t, c, "a", calls)
		calls.WantExchanged(t, 2)
	})
}

func TestRefusals(t *testing.T) {
	refuse := &coordinatortest.Calls{Exchange: coordinatortest.Refuse}
	bubble(t, "are cached for thirty seconds", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{Exchange: coordinatortest.Refuse}
		for range 29 {
			if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrRefused) {
				t.Fatalf("err = %v", err)
			}
			time.Sleep(time.Second)
		}
		calls.WantExchanged(t, 1)
		time.Sleep(2 * time.Second)
		_ = coordinatortest.DoError(t, c, "a", calls)
		calls.WantExchanged(t, 2)
	})
	bubble(t, "of a used token are uncertain: its successor works", func(t *testing.T) {
		c := newLocalCoordinator(t, nil)
		coordinatortest.Do(t, c, "a", &coordinatortest.Calls{})
		c.MarkDelivered("a")
		time.Sleep(time.Minute)
		for token, uncertain := range map[string]bool{"a": true, "b": false} {
			var up *session.UpstreamError
			err := coordinatortest.DoError(t, c, token, refuse)
			if !errors.As(err, &up) || !errors.Is(err, session.ErrRefused) || up.Uncertain != uncertain {
				t.Errorf("%s: %#v, want a refusal with Uncertain %t", token, err, uncertain)
			}
		}
	})
}

func TestUnverifiedGrant(t *testing.T) {
	bubble(t, "is verified again for ten minutes", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{Verify: coordinatortest.NoKeys}
		for range 9 {
			if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrUnavailable) {
				t.Fatalf("err = %v", err)
			}
			time.Sleep(time.Minute)
		}
		calls.Verify = nil
		if got := coordinatortest.Do(t, c, "a", calls); got != "a'" || calls.Verified.Load() != 10 {
			t.Errorf("got %s after %d verifications", got, calls.Verified.Load())
		}
		calls.WantExchanged(t, 1)
	})
	bubble(t, "is dropped after an hour", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{Verify: coordinatortest.NoKeys}
		_ = coordinatortest.DoError(t, c, "a", calls)
		time.Sleep(session.UnverifiedTTL + time.Second)
		_ = coordinatortest.DoError(t, c, "a", calls)
		calls.WantExchanged(t, 2)
	})
}

// An unverified grant whose key is gone is exchanged for the next one. While
// upstream is unavailable it is all that is left of the session. Once it is
// refused it is dropped.
func TestUnverifiedGrantIsExchanged(t *testing.T) {
	type exchange = func(context.Context, session.Secret) (*session.Grant, error)
	tests := []struct {
		name      string
		exchanges []exchange // after the first one; nil: a grant
		want      []string
	}{
		{name: "at once", exchanges: []exchange{nil}, want: []string{"a", "a'"}},
		{
			name:      "after an outage",
			exchanges: []exchange{coordinatortest.Overloaded, coordinatortest.Overloaded, nil},
			want:      []string{"a", "a'", "a'", "a'"},
		},
		{
			name:      "until it is refused",
			exchanges: []exchange{coordinatortest.Overloaded, coordinatortest.Refuse, nil},
			want:      []string{"a", "a'", "a'", "a"},
		},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			var exchanged []string
			c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{Verify: coordinatortest.KeyUnknown("a'")}
			calls.Exchange = func(ctx context.Context, token session.Secret) (*session.Grant, error) {
				exchanged = append(exchanged, token.Reveal())
				if n := len(exchanged) - 2; n >= 0 && test.exchanges[n] != nil {
					return test.exchanges[n](ctx, token)
				}
				return coordinatortest.Successor(token), nil
			}
			_ = coordinatortest.DoError(t, c, "a", calls)
			for range test.exchanges {
				_, _ = c.Do(t.Context(), session.NewSecret("a"), calls.Upstream())
				time.Sleep(session.RejectedTTL + time.Second)
			}
			if diff := cmp.Diff(test.want, exchanged); diff != "" {
				t.Errorf("exchanged tokens (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLocalCoordinatorClose(t *testing.T) {
	bubble(t, "cached grants are still returned, upstream is not asked", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{}
		coordinatortest.Do(t, c, "known", calls)
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := coordinatortest.DoError(t, c, "new", calls); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
		coordinatortest.Do(t, c, "known", calls)
		calls.WantExchanged(t, 1)
	})
}

func TestLocalCoordinatorBounds(t *testing.T) {
	bubble(t, "calls", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{Exchange: coordinatortest.Slow(time.Second)}
		for i := range session.MaxCalls {
			go func() { _, _ = c.Do(t.Context(), session.NewSecret(fmt.Sprint("a", i)), calls.Upstream()) }()
		}
		synctest.Wait()
		if err := coordinatortest.DoError(t, c, "one more", calls); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
		time.Sleep(2 * time.Second)
		coordinatortest.Do(t, c, "one more", calls)
	})
	bubble(t, "waiters; a cached grant needs none", func(t *testing.T) {
		c, calls := newLocalCoordinator(t, nil), &coordinatortest.Calls{}
		coordinatortest.Do(t, c, "known", calls)
		c.SetWaiters(session.MaxWaiters)
		var up *session.UpstreamError
		err := coordinatortest.DoError(t, c, "new", calls)
		if !errors.As(err, &up) || !errors.Is(err, session.ErrUnavailable) || up.RetryAfter != time.Second {
			t.Errorf("one too many: %#v", err)
		}
		coordinatortest.Do(t, c, "known", calls)
		c.SetWaiters(session.MaxWaiters - 1)
		coordinatortest.Do(t, c, "new", calls)
	})
	bubble(t, "entries; dropped grants are reported", func(t *testing.T) {
		var events testkit.Events
		c := session.NewLocalCoordinator(nil, events.Record)
		refuse, grant := &coordinatortest.Calls{Exchange: coordinatortest.Refuse}, &coordinatortest.Calls{}
		for i := range session.MaxRejected + 1000 {
			_, _ = c.Do(t.Context(), session.NewSecret(fmt.Sprint("r", i)), refuse.Upstream())
		}
		for i := range session.MaxUndelivered + 1000 {
			coordinatortest.Do(t, c, fmt.Sprint("g", i), grant)
		}
		synctest.Wait() // the report follows the result
		if n := events.Count(event.UndeliveredDropped); n != 1000 {
			t.Errorf("%d dropped grants are reported, want 1000", n)
		}
		for i := range session.MaxUndelivered {
			c.MarkDelivered(fmt.Sprint("g", i+1000))
		}
		for name, size := range c.Sizes() {
			if size.Entries > size.Limit || size.Records > 2*size.Limit {
				t.Errorf("%s: %+v", name, size)
			}
		}
	})
	bubble(t, "expired entries are removed with the next one", func(t *testing.T) {
		c := newLocalCoordinator(t, nil)
		for i := range 1000 {
			coordinatortest.Logout(t, c, fmt.Sprint(i))
		}
		time.Sleep(session.TombstoneTTL)
		coordinatortest.Logout(t, c, "late")
		if size := c.Sizes()["tombstones"]; size.Entries != 1 || size.Records != 1 {
			t.Errorf("tombstones: %+v, want one", size)
		}
	})
}

// Each map evicts at its own bound. All maps together stay below the bound that
// is documented.
func TestLocalCoordinatorMemory(t *testing.T) {
	bytesPerEntry := map[string]int{
		"recent": 2 << 10, "undelivered": 2 << 10, "unverified": 2 << 10, "rejected": 150, "used": 100, "tombstones": 100,
	}
	all := session.MaxBackoffs * 100
	for name, size := range newLocalCoordinator(t, nil).Sizes() {
		if size.Limit <= 0 || bytesPerEntry[name] == 0 {
			t.Errorf("%s has the limit %d and %d bytes per entry", name, size.Limit, bytesPerEntry[name])
		}
		all += size.Limit * bytesPerEntry[name]
	}
	if most := 190 << 20; all > most {
		t.Errorf("the maps may take %d bytes, want %d at most", all, most)
	}
}

// grantStore is a coordinator whose grants expire at a given time.
type grantStore struct {
	session.Coordinator
	until time.Time
}

func (s grantStore) Do(_ context.Context, token session.Secret, _ session.UpstreamCalls) (session.Shared, error) {
	if time.Now().After(s.until) {
		return session.Shared{Cached: true}, &session.UpstreamError{Kind: session.ErrRefused}
	}
	return session.Shared{Grant: coordinatortest.Successor(token), Cached: true, Until: s.until}, nil
}

func (grantStore) Close(context.Context) error { return nil }

func TestGracePeriodOfASharedGrant(t *testing.T) {
	calls := &coordinatortest.Calls{}
	bubble(t, "does not begin again", func(t *testing.T) {
		c := newLocalCoordinator(t, grantStore{until: time.Now().Add(3 * time.Second)})
		for range 3 {
			coordinatortest.Do(t, c, "a", calls)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Millisecond)
		shared, err := c.Do(t.Context(), session.NewSecret("a"), calls.Upstream())
		if !errors.Is(err, session.ErrRefused) || !shared.Cached {
			t.Errorf("%v, Cached is %t; want the refusal that the store has cached", err, shared.Cached)
		}
	})
	bubble(t, "ends for a grant that no caller has received, too", func(t *testing.T) {
		c := newLocalCoordinator(t, grantStore{until: time.Now().Add(3 * time.Second)})
		disconnected, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = c.Do(disconnected, session.NewSecret("a"), calls.Upstream())
		time.Sleep(4 * time.Second)
		if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrRefused) {
			t.Errorf("err = %v", err)
		}
	})
	bubble(t, "is at most that of this process", func(t *testing.T) {
		c := newLocalCoordinator(t, grantStore{until: time.Now().Add(time.Minute)})
		coordinatortest.Do(t, c, "a", calls)
		c.MarkDelivered("a")
		time.Sleep(session.DefaultGrace + time.Millisecond)
		if c.IsRecent("a") {
			t.Error("the grant is still cached")
		}
	})
}

func TestNestedCoordinators(t *testing.T) {
	bubble(t, "the shared one is asked once, and receives the logout", func(t *testing.T) {
		shared := newLocalCoordinator(t, nil)
		here, there := newLocalCoordinator(t, shared), newLocalCoordinator(t, shared)
		calls := &coordinatortest.Calls{Exchange: coordinatortest.Slow(time.Second)}
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { coordinatortest.Do(t, here, "a", calls) })
			callers.Go(func() { coordinatortest.Do(t, there, "a", calls) })
		}
		callers.Wait()
		calls.WantExchanged(t, 1)
		coordinatortest.Logout(t, here, "a")
		if err := coordinatortest.DoError(t, shared, "a'", calls); !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("the shared one: %v", err)
		}
	})
}

// brokenStore is a coordinator that returns neither a grant nor an error, or
// panics.
type brokenStore struct {
	session.Coordinator
	panics bool
}

func (s brokenStore) Do(context.Context, session.Secret, session.UpstreamCalls) (session.Shared, error) {
	if s.panics {
		panic("store")
	}
	return session.Shared{}, nil
}

func (brokenStore) Close(context.Context) error { return nil }

func TestBrokenSharedCoordinator(t *testing.T) {
	for _, panics := range []bool{false, true} {
		bubble(t, fmt.Sprintf("panics %t: its callers get ErrUnavailable", panics), func(t *testing.T) {
			c := newLocalCoordinator(t, brokenStore{panics: panics})
			for range 2 {
				if err := coordinatortest.DoError(t, c, "a", &coordinatortest.Calls{}); !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("err = %v", err)
				}
			}
			if calls, waiters := c.Stats(); calls != 0 || waiters != 0 {
				t.Errorf("%d calls, %d waiters are left", calls, waiters)
			}
		})
	}
}
