package fleetlab_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A closed fleet kills no instance, so that close releases all of them.
func TestNoKillAfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, _, fake := newPair(t)
		f.killOneIn = 1
		fake.SetLatency(crossminttest.Refresh, 2*time.Second)
		g := fake.ExpiredGrant(fake.NewUser("ada@example.com"))
		var request sync.WaitGroup
		request.Go(func() { get(f, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()) })
		time.Sleep(time.Second)
		must(t, f.close()) // waits for the refresh
		request.Wait()
		if got := fake.Calls().Refresh; got != 1 || f.kills != 0 {
			t.Errorf("%d refreshes, %d instances killed; want 1 and 0", got, f.kills)
		}
	})
}
