package fleet_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
)

func TestGrace(t *testing.T) {
	t.Run("a grant is kept for an hour until another instance has delivered it, and for the grace period after that", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			calls := &coordinatortest.Calls{}
			coordinatortest.Do(t, p.a, "a", calls)
			time.Sleep(59 * time.Minute)
			for range 2 { // the second delivery does not prolong the period
				deliver(t, p.b, "a", calls)
				time.Sleep(6 * time.Second)
				calls.WantExchanged(t, 1)
			}
			coordinatortest.Do(t, p.b, "a", calls)
			calls.WantExchanged(t, 2)
		})
	})
	t.Run("a grant that is read and not delivered is kept for an hour", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			calls := &coordinatortest.Calls{}
			coordinatortest.Do(t, p.a, "a", calls)
			coordinatortest.Do(t, p.b, "a", calls)
			time.Sleep(59 * time.Minute)
			coordinatortest.Do(t, p.b, "a", calls)
			calls.WantExchanged(t, 1)
			time.Sleep(time.Minute)
			coordinatortest.Do(t, p.b, "a", calls)
			calls.WantExchanged(t, 2)
		})
	})
	t.Run("a follower does not begin it", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			calls := &coordinatortest.Calls{}
			p.follow("a", calls)()
			time.Sleep(time.Minute)
			coordinatortest.Do(t, p.b, "a", calls)
			calls.WantExchanged(t, 1)
		})
	})
	t.Run("every reader gets the time until which it may keep the grant, also through a chain", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			calls := &coordinatortest.Calls{}
			coordinatortest.Do(t, p.a, "a", calls)
			wantUntil(t, p.b, "a", time.Hour)
			coordinatortest.Do(t, p.a, "a'", calls)
			deliver(t, p.b, "a", calls)
			wantUntil(t, p.b, "a", 10*time.Second)
			wantUntil(t, p.a, "a", 10*time.Second)
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
	if left := time.Until(shared.Until); left > want || left < want-time.Second || !shared.Cached {
		t.Errorf("the grant may be kept for %v, Cached is %t; want %v", left, shared.Cached, want)
	}
}

func TestRefusals(t *testing.T) {
	t.Run("a definite one is cached for 30 s", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			calls := &coordinatortest.Calls{Exchange: coordinatortest.Refuse}
			wantRefusalOf(t, p.a, "a", calls, definite)
			time.Sleep(29 * time.Second)
			wantRefusalOf(t, p.b, "a", calls, definite)
			calls.WantExchanged(t, 1)
			time.Sleep(2 * time.Second)
			wantRefusalOf(t, p.b, "a", calls, definite)
			calls.WantExchanged(t, 2)
		})
	})
	t.Run("an outage leaves nothing in the store", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			_ = coordinatortest.DoError(t, p.a, "a", &coordinatortest.Calls{Exchange: coordinatortest.Overloaded})
			if n := len(p.memory.Dump()); n > 0 {
				t.Errorf("the store has %d records", n)
			}
		})
	})
	t.Run("one of a token that another instance has used is uncertain", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{})
			deliver(t, p.b, "a", &coordinatortest.Calls{})
			time.Sleep(time.Minute) // the grace period has ended
			wantRefusal(t, p.b, "a", uncertain)
			wantRefusal(t, p.a, "a", uncertain) // the cached one
		})
	})
	t.Run("one from a store without its data is definite", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{})
			p.memory.Clear()
			wantRefusal(t, p.b, "a", definite)
		})
	})
	t.Run("one does not replace a grant", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			granted, refused := make(chan struct{}), make(chan struct{})
			go coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{Exchange: coordinatortest.Held(granted)})
			synctest.Wait()
			p.memory.Clear() // the lock is lost
			got := make(chan string)
			go func() {
				got <- coordinatortest.Do(t, p.b, "a", &coordinatortest.Calls{Exchange: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
					<-refused
					return coordinatortest.Refuse(ctx, token)
				}})
			}()
			synctest.Wait()
			close(granted)
			synctest.Wait()
			close(refused)
			if got := <-got; got != "a'" {
				t.Errorf("got %s, want the grant of the first instance", got)
			}
		})
	})
}

func TestLock(t *testing.T) {
	t.Run("it is renewed during the refresh", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			calls := &coordinatortest.Calls{}
			end := p.follow("a", calls)
			time.Sleep(30 * time.Second)
			end()
			calls.WantExchanged(t, 1)
		})
	})
	t.Run("it ends twelve seconds after its owner", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			release := make(chan struct{})
			go coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{Exchange: coordinatortest.Held(release)})
			synctest.Wait()
			p.stores[0].SetFaults(func(fleettest.Operation) fleettest.Fault { return fleettest.Fault{Before: true} })
			calls, started := &coordinatortest.Calls{}, time.Now()
			coordinatortest.Do(t, p.b, "a", calls)
			calls.WantExchanged(t, 1)
			if waited := time.Since(started); waited < 10*time.Second || waited > 15*time.Second {
				t.Errorf("the second instance waited %v", waited)
			}
			close(release)
			synctest.Wait()
		})
	})
	t.Run("a lost one is not released", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			first, second := make(chan struct{}), make(chan struct{})
			go func() {
				_ = coordinatortest.DoError(t, p.a, "a", &coordinatortest.Calls{Exchange: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
					<-first
					return coordinatortest.Overloaded(ctx, token)
				}})
			}()
			synctest.Wait()
			p.memory.Clear()
			calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(second)}
			go coordinatortest.Do(t, p.b, "a", calls)
			synctest.Wait()
			close(first)
			synctest.Wait()
			go coordinatortest.Do(t, p.a, "a", calls)
			synctest.Wait()
			calls.WantExchanged(t, 1)
			close(second)
			synctest.Wait()
		})
	})
}

func TestFollower(t *testing.T) {
	t.Run("it gets the message with the grant, and makes no operation after it", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			end := p.follow("a", &coordinatortest.Calls{})
			before := p.stores[1].Count(fleettest.Load) + p.stores[1].Count(fleettest.Swap)
			end()
			if n := p.stores[1].Count(fleettest.Load) + p.stores[1].Count(fleettest.Swap) - before; n != 0 {
				t.Errorf("it made %d operations", n)
			}
		})
	})
	t.Run("it asks upstream at once when the leader has failed", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			release := make(chan struct{})
			go func() {
				_ = coordinatortest.DoError(t, p.a, "a", &coordinatortest.Calls{Exchange: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
					<-release
					return coordinatortest.Overloaded(ctx, token)
				}})
			}()
			synctest.Wait()
			time.AfterFunc(10*time.Millisecond, func() { close(release) })
			started := time.Now()
			coordinatortest.Do(t, p.b, "a", &coordinatortest.Calls{})
			if waited := time.Since(started); waited > 20*time.Millisecond {
				t.Errorf("it waited %v", waited)
			}
		})
	})
	t.Run("it never asks upstream while the store fails", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			calls := &coordinatortest.Calls{}
			end := p.follow("a", calls)
			p.stores[1].SetFaults(func(fleettest.Operation) fleettest.Fault { return fleettest.Fault{Before: true, Disconnect: true} })
			time.AfterFunc(3*time.Second, func() { p.stores[1].SetFaults(nil) })
			end()
			calls.WantExchanged(t, 1)
		})
	})
	t.Run("it gets the grant of an upstream that does not rotate tokens", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			release, got := make(chan struct{}), make(chan string, 2)
			calls := &coordinatortest.Calls{Exchange: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
				<-release
				return coordinatortest.Unrotated(ctx, token)
			}}
			for _, c := range []*fleet.Coordinator{p.a, p.b} {
				go func() { got <- coordinatortest.Do(t, c, "a", calls) }()
				synctest.Wait()
			}
			close(release)
			for range 2 {
				if got := <-got; got != "a" {
					t.Errorf("got %s", got)
				}
			}
			calls.WantExchanged(t, 1)
		})
	})
}

// The leader's way has two operations, and a follower's one before it waits. In the
// background are messages, the beginning of a grace period, and one swap that notes
// the JWT with the next token.
func TestOperations(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		store := p.stores[0]
		count := func() [2]int { return [2]int{store.Count(fleettest.Swap), store.Count(fleettest.Load)} }
		coordinatortest.Do(t, p.a, "warm", &coordinatortest.Calls{}) // reads the clock
		coordinatortest.Do(t, p.b, "warm", &coordinatortest.Calls{})
		for _, test := range []struct {
			name        string
			do          func()
			swaps, load int
		}{
			{name: "a refresh", do: func() { coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{}) }, swaps: 3},
			{name: "another instance's grant", do: func() {
				coordinatortest.Do(t, p.b, "b", &coordinatortest.Calls{})
				deliver(t, p.a, "b", &coordinatortest.Calls{})
			}, swaps: 2, load: 1},
			{name: "a second delivery", do: func() { deliver(t, p.a, "b", &coordinatortest.Calls{}) }, swaps: 1, load: 1},
			{name: "a logout", do: func() { coordinatortest.Logout(t, p.a, "c") }, swaps: 1},
		} {
			synctest.Wait()
			before := count()
			test.do()
			synctest.Wait()
			after := count()
			if swaps, loads := after[0]-before[0], after[1]-before[1]; swaps != test.swaps || loads != test.load {
				t.Errorf("%s: %d swaps and %d loads, want %d and %d", test.name, swaps, loads, test.swaps, test.load)
			}
		}
	})
}

func TestTombstone(t *testing.T) {
	t.Run("it denies the JWTs that came with the earlier tokens", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			calls := &coordinatortest.Calls{Exchange: func(_ context.Context, token session.Secret) (*session.Grant, error) {
				g := coordinatortest.Successor(token)
				g.JWT = session.NewSecret("header." + token.Reveal() + ".signature")
				return g, nil
			}}
			denied := &denials{}
			p.open(fleet.Config{}).OnDeny(denied.add)
			for _, token := range []string{"a", "a'", "a''"} {
				deliver(t, p.a, token, calls)
			}
			coordinatortest.Logout(t, p.b, "a'''")
			synctest.Wait()
			for _, jwt := range []string{"header.a", "header.a'", "header.a''"} {
				if !denied.has(sha256.Sum256([]byte(jwt))) {
					t.Errorf("%s is not denied", jwt)
				}
			}
		})
	})
	t.Run("it covers the tokens that followed after the grace period", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{})
			deliver(t, p.b, "a", &coordinatortest.Calls{})
			time.Sleep(time.Minute)
			coordinatortest.Logout(t, p.b, "a")
			wantLoggedOut(t, p.b, "a'")
		})
	})
	t.Run("it lasts for an hour", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			coordinatortest.Logout(t, p.a, "a")
			time.Sleep(59 * time.Minute)
			wantLoggedOut(t, p.b, "a")
			time.Sleep(2 * time.Minute)
			coordinatortest.Do(t, p.b, "a", &coordinatortest.Calls{})
		})
	})
	t.Run("it ends the calls of all instances", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			release, errs := make(chan struct{}), make(chan error, 2)
			calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}
			for _, c := range []*fleet.Coordinator{p.a, p.b} {
				go func() { errs <- coordinatortest.DoError(t, c, "a", calls) }()
				synctest.Wait()
			}
			coordinatortest.Logout(t, p.b, "a")
			close(release)
			for range 2 {
				if err := <-errs; !errors.Is(err, session.ErrLoggedOut) {
					t.Errorf("err = %v, want ErrLoggedOut", err)
				}
			}
			synctest.Wait()
			if calls.Revoked.Load() != 1 {
				t.Error("the grant was not revoked")
			}
			calls.WantExchanged(t, 1)
		})
	})
	t.Run("it is left when the store is back", func(t *testing.T) {
		onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
			coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{})
			p.stores[0].SetFaults(func(fleettest.Operation) fleettest.Fault { return fleettest.Fault{Before: true} })
			if _, err := p.a.Logout(t.Context(), session.NewSecret("a")); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("err = %v, want ErrUnavailable", err)
			}
			time.Sleep(10 * time.Minute)
			p.stores[0].SetFaults(nil)
			time.Sleep(10 * time.Second)
			wantLoggedOut(t, p.b, "a")
			wantLoggedOut(t, p.b, "a'")
			if n := p.count(event.StoreDegraded); n != 1 || p.count(event.StoreRecovered) != 1 {
				t.Errorf("%d events of the outage, %d of its end; want one each", n, p.count(event.StoreRecovered))
			}
		})
	})
}
