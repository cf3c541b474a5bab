package fleetlab_test

import (
	"testing"
	"time"
)

// TestLife runs the fleet under all events of lab.Config.Life.
func TestLife(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		grace time.Duration
		scenario
	}{
		{name: "without a store, upstream accepts used tokens", grace: grace, scenario: scenario{noStore: true}},
		{name: "without a store", scenario: scenario{noStore: true}},
		{name: "without a store, instances are replaced", scenario: scenario{noStore: true, replaceInterval: replaceInterval}},
		{name: "without a store, instances are frozen", scenario: scenario{noStore: true, freezes: true}},
		{name: "with a store", scenario: scenario{}},
		{name: "with a store, instances are replaced", scenario: scenario{replaceInterval: replaceInterval}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.life = true
			r := run(t, test.grace, test.scenario)
			r.checkSessions(t)
			r.checkLife(t, test.scenario)
		})
	}
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
	if n := r.MixedUp + r.Revived + r.LostOnTheWay; n != 0 && !s.noStore {
		t.Errorf("%d sessions mixed up, %d revived, %d lost on the way", r.MixedUp, r.Revived, r.LostOnTheWay)
	}
	f := r.fleets[0]
	if (f.replaced > 0) != (s.replaceInterval > 0) || (f.waits > 0) != s.freezes {
		t.Errorf("%d instances replaced, %d calls waited for a frozen instance: this run proves nothing", f.replaced, f.waits)
	}
	if *requests >= longRun && len(r.Unstruck) > 0 {
		t.Errorf("these faults and events did not happen: %q", r.Unstruck)
	}
}
