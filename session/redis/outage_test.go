package redis_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/redis"
)

// ofFleet returns a configuration with the timeout of production.
func ofFleet() redis.Config { return redis.Config{Timeout: 250 * time.Millisecond} }

func TestOutageIsNotNoticedByValidSessions(t *testing.T) {
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				f := newFleet(t, s.URL(), crossminttest.Config{}, ofFleet())
				jwt, refresh := f.valid("ada@example.com")
				s.wantSubscribers(fleetSize)
				if err := failure.fail(s); err != nil {
					t.Fatal(err)
				}
				want := response{Status: http.StatusOK}
				if responses := all(f.instances, 10, jwt, refresh); responses[want] != 10*fleetSize {
					t.Errorf("responses: %v, want only 200 without cookies", responses)
				}
				if calls := f.fake.Calls().Refresh; calls != 0 {
					t.Errorf("upstream was asked %d times", calls)
				}
				f.wantNoRefresh()
			})
		})
	}
}

// wantNoRefresh checks that no instance reports a refresh: none has used the store
// for one.
func (f *fleet) wantNoRefresh() {
	f.t.Helper()
	for n, i := range f.instances {
		if i.events.countOp("refresh") > 0 {
			f.t.Errorf("instance %d reports a refresh", n)
		}
	}
}

// untilAll waits until every instance has reported an outcome of an operation.
func (f *fleet) untilAll(outcome event.Outcome, op string) {
	f.t.Helper()
	for _, i := range f.instances {
		coordinatortest.Eventually(f.t, fmt.Sprint("every instance reported ", outcome, " of ", op), func() bool { return i.events.hasOf(outcome, op) })
	}
}

// An instance that is idle, or starts during an outage, reports the outage and its
// end. It reports no refresh.
func TestOutageIsNoticedByAnIdleInstance(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{}, redis.Config{})
		s.wantSubscribers(fleetSize)
		s.Kill()
		f.instances = append(f.instances, newInstance(t, f.fake.Config(), s.URL(), redis.Config{}))
		f.untilAll(event.StoreDegraded, "logout")
		if err := s.Up(); err != nil {
			t.Fatal(err)
		}
		f.untilAll(event.StoreRecovered, "logout")
		f.wantNoRefresh()
	})
}

// An instance reports a lost subscription, and the next one.
func TestLostSubscriptionIsReported(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{}, redis.Config{})
		s.wantSubscribers(fleetSize)
		s.do("CLIENT", "KILL", "TYPE", "pubsub")
		f.untilAll(event.StoreDegraded, "logout")
		f.untilAll(event.StoreRecovered, "logout")
		s.wantSubscribers(fleetSize)
	})
}

func TestRefreshDuringOutage(t *testing.T) {
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				f := newFleet(t, s.URL(), crossminttest.Config{}, ofFleet())
				jwt, refresh := f.expired("ada@example.com")
				if err := failure.fail(s); err != nil {
					t.Fatal(err)
				}
				for _, i := range f.instances {
					if got := i.get(jwt, refresh); got.Status != http.StatusOK || got.Cookies == "" {
						t.Errorf("an expired session: status %d", got.Status)
					}
					if i.events.Count(event.StoreDegraded) == 0 {
						t.Error("no event reports the outage")
					}
				}
			})
		})
	}
}

func TestStoreFreezesUnderLoad(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{Reuse: crossminttest.ReuseGrace, Grace: time.Minute, Algorithm: "EdDSA"}, ofFleet())
		var renewed, kept atomic.Int64
		defer f.load(&renewed, &kept)()
		jwt, refresh := f.valid("ada@example.com")
		for range 2 {
			before, asked := renewed.Load(), 0
			if err := s.Freeze(); err != nil {
				t.Fatal(err)
			}
			coordinatortest.Eventually(t, "sessions were renewed while the store was frozen", func() bool {
				asked++
				if got := f.instances[asked%fleetSize].get(jwt, refresh); got.Status != http.StatusOK {
					t.Errorf("a valid session: status %d", got.Status)
				}
				return asked > 100 && renewed.Load() >= before+20
			})
			if err := s.Thaw(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// load makes every instance share refreshes with the next one, until stop is
// called.
func (f *fleet) load(renewed, kept *atomic.Int64) (stop func()) {
	var all sync.WaitGroup
	stopped := make(chan struct{})
	for n, i := range f.instances {
		all.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-stopped:
					return
				default:
					f.share(i, f.instances[(n+1)%fleetSize], fmt.Sprint(n, "-", round, "@example.com"), renewed, kept)
				}
			}
		})
	}
	return func() {
		close(stopped)
		all.Wait()
	}
}

// share makes two instances refresh the same session at the same time.
func (f *fleet) share(a, b *instance, email string, renewed, kept *atomic.Int64) {
	jwt, refresh := f.expired(email)
	var both sync.WaitGroup
	for _, i := range []*instance{a, b} {
		both.Go(func() {
			got := i.get(jwt, refresh)
			switch {
			case got.signedOut():
				f.t.Errorf("status %d, and the cookies are cleared", got.Status)
			case got.Status == http.StatusOK:
				renewed.Add(1)
			case got.Status == http.StatusServiceUnavailable:
				kept.Add(1)
			default:
				f.t.Errorf("an expired session: status %d", got.Status)
			}
		})
	}
	both.Wait()
}

// An instance that is cut off from the store refreshes alone. The store has nothing
// about it, and gets its grant as soon as it is back.
func TestInstanceIsCutOff(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		route := newForwarder(t, s.Addr())
		cut, other := newSubscriber(t, route.URL(), ofFleet()), newSubscriber(t, s.URL(), ofFleet())
		s.wantSubscribers(2)
		route.cut(true)
		time.Sleep(3 * time.Second) // an instance that is watched would be missed by now
		if got := coordinatortest.Do(t, cut, "a", &coordinatortest.Calls{}); got != "a'" {
			t.Errorf("the one that is cut off got %s", got)
		}
		wantRefusal(t, cut, "b", definite)
		wantRefusal(t, other, "a", definite)
		if keys := s.keysOf("*"); len(keys) != 1 {
			t.Errorf("the store holds %v, want the refusal only", keys)
		}
		route.cut(false)
		coordinatortest.Eventually(t, "the grant was committed", s.hasGrant)
		calls := &coordinatortest.Calls{}
		if got := coordinatortest.Do(t, other, "a", calls); got != "a'" {
			t.Errorf("the other instance got %s", got)
		}
		calls.WantExchanged(t, 0)
	})
}

func TestInstanceNeverReachesTheStore(t *testing.T) {
	t.Parallel()
	c := newSubscriber(t, "redis://127.0.0.1:1", ofFleet())
	calls := &coordinatortest.Calls{}
	for n := range 100 {
		coordinatortest.Do(t, c, fmt.Sprint(n), calls)
	}
	calls.WantExchanged(t, 100)
	wantRefusal(t, c, "refused", definite)
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
