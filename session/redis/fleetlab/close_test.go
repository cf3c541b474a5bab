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
		fake, err := crossminttest.New(crossminttest.Config{InMemory: true, Algorithm: "EdDSA"})
		if err != nil {
			t.Fatal(err)
		}
		defer fake.Close()
		fake.SetLatency(crossminttest.Refresh, 2*time.Second)
		m := &memory{}
		must(t, m.up())
		defer time.Sleep(2 * time.Second) // a closed client sleeps once more
		defer m.close()
		f := &fleet{upstream: fake.Config(), road: func() (road, error) { return &path{to: m}, nil }, fatal: 1}
		must(t, f.build(2, 1))

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
