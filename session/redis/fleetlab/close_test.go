package fleetlab_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A closed fleet leaves nothing behind, whatever strikes its instances in their
// last refresh.
func TestNobodyDiesInAClosedFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, _, fake := newPair(t)
		f.fatal = 1
		fake.SetLatency(crossminttest.Refresh, 2*time.Second)
		g := fake.ExpiredGrant(fake.NewUser("ada@example.com"))
		var asked sync.WaitGroup
		asked.Go(func() { ask(f, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()) })
		time.Sleep(time.Second)
		must(t, f.close()) // waits for the refresh
		asked.Wait()
		if got := fake.Calls().Refresh; got != 1 || f.kills != 0 {
			t.Errorf("%d refreshes, %d instances killed; want 1 and 0", got, f.kills)
		}
	})
}
