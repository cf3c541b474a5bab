package redis_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/redis"
)

// What browsers see of a store that fails.

// ofFleet returns the configuration of instances that give up as in production.
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
				want := answer{Status: http.StatusOK}
				if answers := all(f.instances, 10, jwt, refresh); answers[want] != 10*fleetSize {
					t.Errorf("answers: %v, want only 200 without cookies", answers)
				}
				if calls := f.fake.Calls().Refresh; calls != 0 {
					t.Errorf("upstream was asked %d times", calls)
				}
				f.wantNoRefresh()
			})
		})
	}
}

// wantNoRefresh makes sure that no instance tells of one: none has asked the
// store for it.
func (f *fleet) wantNoRefresh() {
	f.t.Helper()
	for n, i := range f.instances {
		if i.events.countOp("refresh") > 0 {
			f.t.Errorf("instance %d tells of a refresh", n)
		}
	}
}

// untilAll waits until every instance has told of an outcome of one of the
// operations.
func (f *fleet) untilAll(outcome event.Outcome, ops ...string) {
	f.t.Helper()
	for _, i := range f.instances {
		told := func(op string) bool { return i.events.hasOf(outcome, op) }
		coordinatortest.Eventually(f.t, fmt.Sprint(outcome, " of ", ops), func() bool { return slices.ContainsFunc(ops, told) })
	}
}

// An instance that is idle, or begins meanwhile, learns of an outage, too, and
// of its end, and does not say that somebody wanted a refresh.
func TestOutageIsNoticedByAnIdleInstance(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{}, redis.Config{})
		s.wantSubscribers(fleetSize)
		s.Kill()
		f.instances = append(f.instances, newInstance(t, f.fake.Config(), s.URL(), redis.Config{}))
		f.untilAll(event.StoreDegraded, "presence")
		if err := s.Up(); err != nil {
			t.Fatal(err)
		}
		f.untilAll(event.StoreRecovered, "presence", "logout") // who listens again reads the denials
		f.wantNoRefresh()
	})
}

// Who does not hear the others for a moment says so, and when he does again.
func TestInstanceTellsThatItHearsAgain(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{}, redis.Config{})
		s.wantSubscribers(fleetSize)
		s.do("CLIENT", "KILL", "TYPE", "pubsub")
		f.untilAll(event.StoreDegraded, "logout")
		f.untilAll(event.StoreRecovered, "logout")
		s.wantSubscribers(fleetSize)
	})
}

func TestOutageSignsNobodyOut(t *testing.T) {
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				s.age()
				f := newFleet(t, s.URL(), crossminttest.Config{}, ofFleet())
				jwt, refresh := f.expired("ada@example.com")
				goneJWT, gone := f.expired("grace@example.com")
				f.fake.Revoke(gone)
				if err := failure.fail(s); err != nil {
					t.Fatal(err)
				}
				for _, i := range f.instances {
					if got := i.get(jwt, refresh); got.Status != http.StatusOK || got.Cookies == "" {
						t.Errorf("an expired session: status %d", got.Status)
					}
					if got, want := i.get(goneJWT, gone), (answer{Status: http.StatusUnauthorized}); got != want {
						t.Errorf("a refused one: status %d, signed out: %t", got.Status, got.signedOut())
					}
					if i.events.Count(event.StoreDegraded) == 0 {
						t.Error("no event tells of the outage")
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
			coordinatortest.Eventually(t, "sessions are renewed while the store is frozen", func() bool {
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

// load has every instance share refreshes with its neighbour until stop is
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

// share has two instances refresh the same session at once.
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
