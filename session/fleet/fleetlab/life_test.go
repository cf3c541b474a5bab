package fleetlab_test

import (
	"testing"
	"time"

	"github.com/crossmint-go/auth/session/event"
)

// TestLife runs the fleet under all events of lab.Config.Life.
func TestLife(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		t.Run("nothing else", func(t *testing.T) { runLife(t, never, scenario{store: &k}) })
		if k.isShort() {
			return
		}
		t.Run("instances are replaced", func(t *testing.T) { runLife(t, never, scenario{store: &k, replaceInterval: replaceInterval}) })
	})
}

// TestLifeNoStore is TestLife for instances that share nothing.
func TestLifeNoStore(t *testing.T) {
	t.Parallel()
	t.Run("upstream accepts used tokens", func(t *testing.T) { runLife(t, grace, scenario{}) })
	t.Run("nothing else", func(t *testing.T) { runLife(t, never, scenario{}) })
	t.Run("instances are replaced", func(t *testing.T) { runLife(t, never, scenario{replaceInterval: replaceInterval}) })
	t.Run("instances are frozen", func(t *testing.T) { runLife(t, never, scenario{freezes: true}) })
}

func runLife(t *testing.T, grace time.Duration, s scenario) {
	t.Helper()
	s.life = true
	r := run(t, grace, s)
	r.checkSessions(t)
	r.checkLife(t, s)
}

// replaceInterval is the time between two replacements of an instance in a rolling
// restart.
const replaceInterval = 20 * time.Second

// checkLife fails the test for requests that get the session of another user, and with
// a store for sessions that are mixed up, revived or lost on the way. Without a store
// the report counts those only: an instance that has a successor for a slow response
// does not know of a logout, a sign-in or a refresh on another instance.
func (r *result) checkLife(t *testing.T, s scenario) {
	t.Helper()
	if r.WrongfulEntries != 0 || r.Cacheable != 0 || r.Leaked != 0 {
		t.Errorf("%d wrongful entries, %d responses that caches may store, %d tokens sent to another project", r.WrongfulEntries, r.Cacheable, r.Leaked)
	}
	if n := r.MixedUp + r.Revived + r.LostOnTheWay; n != 0 && s.store != nil {
		t.Errorf("%d sessions mixed up, %d revived, %d lost on the way", r.MixedUp, r.Revived, r.LostOnTheWay)
	}
	f := r.fleets[0]
	if (f.replaced > 0) != (s.replaceInterval > 0) || (f.waits > 0) != s.freezes {
		t.Errorf("%d instances replaced, %d calls waited for a frozen instance: this run proves nothing", f.replaced, f.waits)
	}
	if n := f.eventCounts()[event.StoreDegraded]; n != 0 {
		t.Errorf("%d times the store counted as unavailable, although nothing disturbs it", n)
	}
	if *requests >= longRun && len(r.Unstruck) > 0 {
		t.Errorf("these faults and events did not happen: %q", r.Unstruck)
	}
}
