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
	"github.com/crossmint-go/auth/session/event"
)

// A crowd has JWTs of so short a lifetime that most requests need a refresh.
const (
	crowdSize        = 24
	crowdJWTLifetime = time.Second
	// crowdGrace is the time for which upstream accepts used tokens. It is longer
	// than the locks of all killed instances that one refresh may find.
	crowdGrace     = time.Minute
	crowdKillOneIn = 60
	// recoveryTimeout bounds the time between the last fault and a response that
	// is not 503.
	recoveryTimeout = time.Minute
)

// TestCrowd tests a fleet in real time, with a real store.
func TestCrowd(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		for name, store := range k.startReal(t) {
			t.Run(name, func(t *testing.T) {
				c := newCrowd(t, crossminttest.ReuseGrace, func() (route, error) { return newForwarder(k, store.Addr()) })
				c.fleet.killOneIn = crowdKillOneIn
				duration := *crowdTime
				if k.isShort() {
					duration /= 3
				}
				c.run(t, func() { c.injectFaults(t, store, duration) })
				counts, failures := c.oracle.results()
				for _, failure := range failures {
					t.Error(failure)
				}
				t.Logf("%+v, %d instances killed, %v, upstream %+v", counts, c.fleet.kills, c.fleet.eventCounts(), c.fake.Calls())
				if counts.Renewed == 0 || counts.Served == 0 || c.fleet.kills == 0 {
					t.Error("no refresh, no request with a valid JWT, or no kill: this run proves nothing")
				}
			})
		}
	})
}

// Without a store, two tabs of one browser reach instances that share nothing. The
// tab whose token is refused comes back with the cookies of the other.
func TestCrowdWithoutStore(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, crossminttest.ReuseRefuse, nil)
	c.run(t, func() { time.Sleep(5 * time.Second) })
	counts, failures := c.oracle.results()
	for _, failure := range failures {
		t.Error(failure)
	}
	t.Logf("%+v, %v", counts, c.fleet.eventCounts())
	if c.fleet.eventCounts()[event.AskedAgain] == 0 {
		t.Error("no token was refused: this run proves nothing")
	}
}

// crowd is a number of browsers in front of a fleet.
type crowd struct {
	fake   *crossminttest.Server
	oracle *oracle
	fleet  *fleet
}

func newCrowd(t *testing.T, reuse crossminttest.ReusePolicy, newRoute func() (route, error)) *crowd {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{Algorithm: "EdDSA", JWTLifetime: crowdJWTLifetime, Reuse: reuse, Grace: crowdGrace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.SetLatency(crossminttest.Refresh, 20*time.Millisecond)
	o := newOracle(fake)
	upstream := fake.Config()
	upstream.HTTPClient = &http.Client{Transport: lab.Deliveries(fake.Transport(), o.delivered)}
	c := &crowd{fake, o, &fleet{upstream: upstream, newRoute: newRoute, allowHTTP: true}}
	if err := c.fleet.start(*size, *seed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.fleet.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// run runs the browsers during injectFaults, and then until each has a response that
// is not 503.
func (c *crowd) run(t *testing.T, injectFaults func()) {
	t.Helper()
	done := make(chan struct{})
	var browsers sync.WaitGroup
	for i := range crowdSize {
		b := c.newBrowser(fmt.Sprintf("user%d@example.com", i))
		browsers.Go(func() { b.run(t, rand.New(rand.NewPCG(*seed, uint64(i))), done) })
	}
	injectFaults()
	close(done)
	browsers.Wait()
}

// injectFaults freezes and restarts the store, kills instances and makes upstream
// fail. At its end the store and upstream work.
func (c *crowd) injectFaults(t *testing.T, store realServer, duration time.Duration) {
	t.Helper()
	random := rand.New(rand.NewPCG(*seed, 6))
	c.fake.FailWith(crossminttest.Refresh, upstreamFaults(rand.New(rand.NewPCG(*seed, 7))))
	for end := time.Now().Add(duration); time.Now().Before(end); {
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

// upstreamFaults returns the faults of upstream: the same share of the calls as in
// package lab, in fewer classes.
func upstreamFaults(random *rand.Rand) func() crossminttest.Fault {
	var mu sync.Mutex // guards random
	classes := []crossminttest.Fault{
		crossminttest.Reset(), crossminttest.LoseResponse(), crossminttest.Truncate(),
		crossminttest.Status(http.StatusBadGateway, "text/html", "<html>"), crossminttest.Status(http.StatusServiceUnavailable, "", "{}"),
	}
	return func() crossminttest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if random.Float64() >= *faults {
			return crossminttest.Fault{}
		}
		return classes[random.IntN(len(classes))]
	}
}

// must fails the test on an error. It does not stop the test, because the browsers
// of a crowd have to end first.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
