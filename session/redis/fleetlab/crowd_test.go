package fleetlab_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/integration_test/lab"
	"github.com/crossmint-go/auth/session/redis/internal/storetest"
)

// The crowd: its JWTs live so shortly that most requests need a refresh.
const (
	crowdSize     = 24
	crowdLifetime = time.Second
	// crowdGrace is longer than all locks of dead instances that one refresh
	// may meet in that time.
	crowdGrace = time.Minute
	crowdFatal = 60
	// patience is for what must come when the weather is over.
	patience = time.Minute
)

// TestCrowd is the laboratory's question in real time, with a real store.
func TestCrowd(t *testing.T) {
	t.Parallel()
	binaries, err := storetest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := storetest.Start(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { must(t, store.Close()) }) // after the fleet
			c := newCrowd(t, crossminttest.ReuseGrace, func() (road, error) { return newForwarder(store.Addr()) })
			c.fleet.fatal = crowdFatal
			c.live(t, func() { c.weather(t, store) })
			counts, faults := c.oracle.found()
			for _, fault := range faults {
				t.Error(fault)
			}
			t.Logf("%+v, %d instances killed, %v, upstream %+v", counts, c.fleet.kills, c.fleet.noted(), c.fake.Calls())
			if counts.Renewed == 0 || counts.Served == 0 || c.fleet.kills == 0 {
				t.Error("this weather proves nothing")
			}
		})
	}
}

// The crowd's oracle bites: instances that share nothing are caught.
func TestCrowdWithoutStore(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, crossminttest.ReuseRefuse, nil)
	var faults []string
	c.live(t, func() {
		for deadline := time.Now().Add(patience); len(faults) == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			_, faults = c.oracle.found()
		}
	})
	if len(faults) == 0 {
		t.Error("a fleet without a store signed nobody out: the oracle is blind")
	}
}

// crowd is some browsers in front of a fleet.
type crowd struct {
	fake   *crossminttest.Server
	oracle *oracle
	fleet  *fleet
}

func newCrowd(t *testing.T, reuse crossminttest.ReusePolicy, way func() (road, error)) *crowd {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{Algorithm: "EdDSA", JWTLifetime: crowdLifetime, Reuse: reuse, Grace: crowdGrace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.SetLatency(crossminttest.Refresh, 20*time.Millisecond)
	o := newOracle(fake)
	upstream := fake.Config()
	upstream.HTTPClient = &http.Client{Transport: lab.Deliveries(fake.Transport(), o.delivered)}
	c := &crowd{fake, o, &fleet{upstream: upstream, road: way, http: true}}
	if err := c.fleet.build(*size, *seed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.fleet.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// live lets the browsers loose while the weather lasts, and then until each has
// an answer that is not "later".
func (c *crowd) live(t *testing.T, weather func()) {
	t.Helper()
	over := make(chan struct{})
	var all sync.WaitGroup
	for i := range crowdSize {
		b := c.newBrowser(fmt.Sprintf("user%d@example.com", i))
		all.Go(func() { b.live(t, rand.New(rand.NewPCG(*seed, uint64(i))), over) })
	}
	weather()
	close(over)
	all.Wait()
}

// weather does to the store, to upstream and to the fleet what a bad day does,
// and ends well.
func (c *crowd) weather(t *testing.T, store *storetest.Server) {
	t.Helper()
	random := rand.New(rand.NewPCG(*seed, 6))
	c.fake.FailWith(crossminttest.Refresh, c.trouble(rand.New(rand.NewPCG(*seed, 7))))
	for end := time.Now().Add(*crowdTime); time.Now().Before(end); {
		for until := time.Now().Add(min(*restart, time.Until(end))); time.Now().Before(until); {
			must(t, store.Freeze())
			time.Sleep(upTo(random, 3*time.Second))
			must(t, store.Thaw())
			c.fleet.kill(c.fleet.next())
			time.Sleep(upTo(random, 3*time.Second))
		}
		store.Kill()
		time.Sleep(upTo(random, time.Second))
		must(t, store.Up())
	}
	c.fake.Heal()
}

// trouble returns upstream's faults: as many as in the laboratory, if not of as
// many kinds.
func (c *crowd) trouble(random *rand.Rand) func() crossminttest.Fault {
	var mu sync.Mutex
	kinds := []crossminttest.Fault{
		crossminttest.Reset(), crossminttest.LoseAnswer(), crossminttest.Truncate(),
		crossminttest.Status(http.StatusBadGateway, "text/html", "<html>"), crossminttest.Status(http.StatusServiceUnavailable, "", "{}"),
	}
	return func() crossminttest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if random.Float64() >= *faults {
			return crossminttest.Fault{}
		}
		return kinds[random.IntN(len(kinds))]
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err) // and no Fatal: the crowd has to be ended
	}
}
