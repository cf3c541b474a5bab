package fleettest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
)

// runFleets tests coordinators over a store.
func runFleets(t *testing.T, open func(t *testing.T) fleet.Store) {
	t.Run("one instance", func(t *testing.T) {
		RunCoordinator(t, func(t *testing.T) session.Coordinator { return newFleet(t, open, 1) })
	})
	t.Run("two instances", func(t *testing.T) {
		RunCoordinator(t, func(t *testing.T) session.Coordinator { return newFleet(t, open, 2) })
	})
	tests := []struct {
		name string
		run  func(t *testing.T, f *testFleet)
	}{
		{name: "a follower gets the grant without its message", run: lostMessages},
		{name: "instances share denials", run: sharedDenials},
		{name: "a denial is received after a lost connection", run: missedDenial},
		{name: "a later grant supersedes one that is not delivered", run: supersededGrant},
		{name: "a logout elsewhere prevents a delivery", run: loggedOutDelivery},
		{name: "an instance without the store refreshes solo", run: noStore},
		{name: "errors after operations took place do no harm", run: errorsAfter},
		{name: "all faults at once", run: allFaults},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, newFleet(t, open, 2)) })
	}
}

// testFleet is a load balancer in front of instances.
type testFleet struct {
	instances []*fleet.Coordinator
	stores    []*Faulty
	calls     atomic.Int64
}

func newFleet(t *testing.T, open func(t *testing.T) fleet.Store, size int) *testFleet {
	t.Helper()
	f, secret := &testFleet{}, session.NewSecret(rand.Text()+rand.Text())
	for range size {
		store := NewFaulty(open(t))
		c, err := fleet.New(fleet.Config{
			Store: store, Secret: secret, Grace: time.Minute, Timeout: 2 * time.Second,
			OnEvent: func(_ context.Context, e event.Event) { t.Logf("event: %s: %v", e.Outcome, e.Err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		f.instances, f.stores = append(f.instances, c), append(f.stores, store)
	}
	t.Cleanup(func() { _ = f.Close(context.Background()) })
	return f
}

func (f *testFleet) next() *fleet.Coordinator {
	return f.instances[int(f.calls.Add(1))%len(f.instances)]
}

// Do implements session.Coordinator.
func (f *testFleet) Do(ctx context.Context, token session.Secret, calls session.UpstreamCalls) (session.Shared, error) {
	return f.next().Do(ctx, token, calls)
}

// Logout implements session.Coordinator.
func (f *testFleet) Logout(ctx context.Context, token session.Secret) ([]*session.Grant, error) {
	return f.next().Logout(ctx, token)
}

// Close implements session.Coordinator.
func (f *testFleet) Close(ctx context.Context) (err error) {
	for _, c := range f.instances {
		err = errors.Join(err, c.Close(ctx))
	}
	return err
}

// setFaults sets the faults of all stores.
func (f *testFleet) setFaults(choose func(Operation) Fault) {
	for _, s := range f.stores {
		s.SetFaults(choose)
	}
}

func lostMessages(t *testing.T, f *testFleet) {
	f.setFaults(func(op Operation) Fault { return Fault{Lose: op == Publish} })
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Slow(300 * time.Millisecond)}
	var all sync.WaitGroup
	for _, c := range f.instances {
		all.Go(func() {
			if got := coordinatortest.Do(t, c, "a", calls); got != "a'" {
				t.Errorf("got %s", got)
			}
		})
	}
	all.Wait()
	calls.WantExchanged(t, 1)
}

// denials records the denials that an instance receives.
type denials struct {
	mu       sync.Mutex // guards received
	received map[[32]byte]time.Time
}

func (d *denials) add(digest [32]byte, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.received == nil {
		d.received = map[[32]byte]time.Time{}
	}
	d.received[digest] = until
}

func (d *denials) has(digest [32]byte, until time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.received[digest].Equal(until)
}

func sharedDenials(t *testing.T, f *testFleet) {
	var before, after denials
	hour := time.Now().Add(time.Hour).Truncate(time.Second)
	f.instances[0].OnDeny(before.add)
	_ = f.instances[1].Deny(t.Context(), [32]byte{0}, hour)
	coordinatortest.Eventually(t, "the instance was subscribed", func() bool { return before.has([32]byte{0}, hour) })
	for n := range byte(50) {
		if err := f.instances[1].Deny(t.Context(), [32]byte{n}, hour); err != nil {
			t.Fatal(err)
		}
	}
	f.instances[1].OnDeny(after.add)
	for n := range byte(50) {
		for _, d := range []*denials{&before, &after} {
			coordinatortest.Eventually(t, "the denial was received", func() bool { return d.has([32]byte{n}, hour) })
		}
	}
}

func missedDenial(t *testing.T, f *testFleet) {
	var received denials
	hour := time.Now().Add(time.Hour).Truncate(time.Second)
	f.instances[0].OnDeny(received.add)
	_ = f.instances[1].Deny(t.Context(), [32]byte{1}, hour)
	coordinatortest.Eventually(t, "the instance was subscribed", func() bool { return received.has([32]byte{1}, hour) })
	f.stores[0].SetFaults(func(op Operation) Fault { return Fault{Before: op == Subscribe} })
	f.stores[0].Disconnect()
	if err := f.instances[1].Deny(t.Context(), [32]byte{2}, hour); err != nil {
		t.Fatal(err)
	}
	f.stores[0].SetFaults(nil)
	coordinatortest.Eventually(t, "the denial was received", func() bool { return received.has([32]byte{2}, hour) })
}

func supersededGrant(t *testing.T, f *testFleet) {
	a, b, calls := f.instances[0], f.instances[1], &coordinatortest.Calls{}
	check := func(token string) error { return a.CheckDelivery(t.Context(), session.NewSecret(token)) }
	coordinatortest.Do(t, a, "a", calls)
	if err := check("a'"); err != nil {
		t.Errorf("the latest grant: %v", err)
	}
	coordinatortest.Do(t, b, "a'", calls)
	if err := check("a'"); err != nil {
		t.Errorf("a grant with a successor that no other instance has delivered: %v", err)
	}
	shared, err := a.Do(t.Context(), session.NewSecret("a'"), calls.Upstream())
	if err != nil {
		t.Fatal(err)
	}
	shared.Delivered()
	coordinatortest.Eventually(t, "the grant was superseded", func() bool { return errors.Is(check("a'"), session.ErrUnavailable) })
	if err := check("a''"); err != nil {
		t.Errorf("the latest grant: %v", err)
	}
}

func loggedOutDelivery(t *testing.T, f *testFleet) {
	a, b, calls := f.instances[0], f.instances[1], &coordinatortest.Calls{}
	coordinatortest.Do(t, a, "a", calls)
	coordinatortest.Do(t, a, "a'", calls)
	coordinatortest.Logout(t, b, "a''")
	for _, token := range []string{"a'", "a''"} {
		if err := a.CheckDelivery(t.Context(), session.NewSecret(token)); !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("%s: err = %v, want ErrLoggedOut", token, err)
		}
	}
}

func noStore(t *testing.T, f *testFleet) {
	calls := &coordinatortest.Calls{}
	f.setFaults(func(Operation) Fault { return Fault{Before: true} })
	if got := coordinatortest.Do(t, f.instances[0], "a", calls); got != "a'" {
		t.Errorf("got %s", got)
	}
	if _, err := f.instances[0].Logout(t.Context(), session.NewSecret("b")); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("the logout: %v, want ErrUnavailable", err)
	}
	f.setFaults(nil)
	coordinatortest.Eventually(t, "the store had the grant", func() bool { return isShared(t, f.instances[1], "a", "a'") })
	coordinatortest.Eventually(t, "the store had the logout", func() bool {
		_, err := f.instances[1].Do(t.Context(), session.NewSecret("b"), overloaded())
		return errors.Is(err, session.ErrLoggedOut)
	})
}

// overloaded returns the calls of an upstream that is unavailable.
func overloaded() session.UpstreamCalls {
	return (&coordinatortest.Calls{Exchange: coordinatortest.Overloaded}).Upstream()
}

// isShared reports whether an instance gets a grant without upstream.
func isShared(t *testing.T, c *fleet.Coordinator, token, want string) bool {
	shared, err := c.Do(t.Context(), session.NewSecret(token), overloaded())
	return err == nil && shared.Grant.RefreshToken.Secret.Reveal() == want
}

// A lock that an instance does not know of is released with its result, and a result
// that seems to be lost is written again.
func errorsAfter(t *testing.T, f *testFleet) {
	calls, lock, commit := &coordinatortest.Calls{}, 1, 2
	for _, failing := range []int{lock, commit} {
		token, n := fmt.Sprint("a", failing), 0
		f.stores[0].SetFaults(func(op Operation) Fault {
			if op == Swap {
				n++
			}
			return Fault{After: op == Swap && n == failing}
		})
		for _, c := range f.instances {
			if got := coordinatortest.Do(t, c, token, calls); got != token+"'" {
				t.Errorf("got %s", got)
			}
		}
		time.Sleep(time.Second) // the instance uses the store again
	}
	calls.WantExchanged(t, 2)
}

// randomFault returns no fault for most operations.
func randomFault(Operation) Fault {
	return Fault{
		Delay:      time.Duration(mathrand.Int64N(int64(50 * time.Millisecond))),
		Before:     mathrand.IntN(8) == 0,
		After:      mathrand.IntN(8) == 0,
		Lose:       mathrand.IntN(4) == 0,
		Disconnect: mathrand.IntN(50) == 0,
	}
}

// The upstream of this test accepts used tokens, so that no fault may have an effect
// on a browser. A logout counts at the latest when the store works again.
func allFaults(t *testing.T, f *testFleet) {
	f.setFaults(randomFault)
	const tokens = 40
	var all sync.WaitGroup
	for i := range tokens {
		token := fmt.Sprint("a", i)
		for _, c := range f.instances {
			all.Go(func() {
				calls := &coordinatortest.Calls{Exchange: coordinatortest.Slow(20 * time.Millisecond)}
				shared, err := c.Do(t.Context(), session.NewSecret(token), calls.Upstream())
				switch {
				case errors.Is(err, session.ErrUnavailable): // a follower that has lost the store
				case err != nil:
					t.Errorf("%s: %v", token, err)
				case shared.Grant.RefreshToken.Secret.Reveal() != token+"'":
					t.Errorf("%s: got the grant of another token", token)
				}
			})
		}
		all.Go(func() { _, _ = f.instances[0].Logout(t.Context(), session.NewSecret(fmt.Sprint("b", i))) })
	}
	all.Wait()
	f.setFaults(nil)
	for i := range tokens {
		token := fmt.Sprint("a", i)
		coordinatortest.Eventually(t, "the instances shared the grant", func() bool {
			return isShared(t, f.instances[0], token, token+"'") && isShared(t, f.instances[1], token, token+"'")
		})
		coordinatortest.Eventually(t, "the logout counted", func() bool {
			_, err := f.instances[1].Do(t.Context(), session.NewSecret(fmt.Sprint("b", i)), overloaded())
			return errors.Is(err, session.ErrLoggedOut)
		})
	}
}
