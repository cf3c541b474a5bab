package fleetlab_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/integration_test/lab"
	"github.com/crossmint-go/auth/session/event"
)

// scenario is the set of faults beside those of upstream. A zero field is a fault that
// does not happen.
type scenario struct {
	noStore         bool
	restartInterval time.Duration // of the store, which loses its data
	freezeInterval  time.Duration // of the store, on average
	partitionPause  time.Duration // between two partitions of one instance from the store, on average
	killInterval    time.Duration // of kills at any moment, on average
	killOneIn       int           // see fleet
	// spareDegraded: no instance is killed while the store is degraded.
	spareDegraded bool
}

var (
	// storeRestarts: the store loses its data every few seconds.
	storeRestarts = scenario{restartInterval: *restart, freezeInterval: 20 * time.Second, killInterval: 2 * time.Minute, killOneIn: 50}
	// storeFreezes: the store hangs for up to a minute, and loses no data. An
	// instance that is killed then is the only one with its new tokens, so no
	// implementation could save these sessions.
	storeFreezes = scenario{freezeInterval: 4 * time.Minute, killInterval: 5 * time.Minute, killOneIn: 50, spareDegraded: true}
	// noKills: the store hangs now and then, and no instance is killed.
	noKills = scenario{freezeInterval: 2 * time.Minute}
	// partitions: single instances cannot reach the store for up to a minute, while
	// the others can.
	partitions = scenario{partitionPause: 10 * time.Second}
	// noStore: the instances share nothing.
	noStore = scenario{noStore: true}
)

// grace is the time for which upstream accepts used tokens: longer than the lock of a
// killed instance.
const grace = 30 * time.Second

func TestNoWrongfulLogout(t *testing.T) {
	t.Parallel()
	t.Run("the store restarts", func(t *testing.T) { run(t, grace, storeRestarts).check(t) })
	t.Run("the store freezes", func(t *testing.T) { run(t, grace, storeFreezes).check(t) })
	t.Run("no instance is killed", func(t *testing.T) {
		r := run(t, grace, noKills)
		r.checkLogouts(t)
		r.checkRejections(t)
		if r.freezes == 0 {
			t.Error("no freeze of the store: this run proves nothing")
		}
	})
}

// A partitioned instance refreshes solo. If upstream then refuses the used token to
// another instance, the user is not logged out.
func TestNoWrongfulLogoutDuringPartition(t *testing.T) {
	t.Parallel()
	r := run(t, 0, partitions)
	r.checkLogouts(t)
	if r.partitions == 0 {
		t.Error("no instance was partitioned: this run proves nothing")
	}
}

// If upstream accepts no used tokens, an instance that is killed at the wrong moment
// takes the only live token of a session along. So wrongful logouts are reported, and
// do not fail the test.
func TestUpstreamWithoutGrace(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]scenario{"the store restarts": storeRestarts, "the store freezes": storeFreezes} {
		t.Run(name, func(t *testing.T) {
			r := run(t, 0, s)
			r.WrongfulLogouts = 0
			r.check(t)
		})
	}
}

// Instances that share nothing log no user out either, because one refusal of a used
// token deletes no cookies. Some users have to sign in again.
func TestWithoutStore(t *testing.T) {
	t.Parallel()
	for name, grace := range map[string]time.Duration{"upstream accepts used tokens": grace, "upstream accepts no used tokens": 0} {
		t.Run(name, func(t *testing.T) { run(t, grace, noStore).checkLogouts(t) })
	}
}

// result is the result of a run of package lab.
type result struct {
	lab.Report
	fleet      *fleet
	restarts   int
	freezes    int
	partitions int
}

// run runs a fleet in package lab.
func run(t *testing.T, grace time.Duration, s scenario) *result {
	t.Helper()
	r := &result{}
	started := time.Now()
	synctest.Test(t, func(t *testing.T) {
		var closeErr error
		report, err := lab.Run(lab.Config{Seed: *seed, Users: *users, Requests: *requests, Faults: *faults, Latency: *latency, Grace: grace},
			func(config crossmint.Config) (http.Handler, func(), error) {
				end, err := r.start(config, s)
				return r.fleet, func() { closeErr = end() }, err
			})
		if err := errors.Join(err, closeErr); err != nil {
			t.Fatal(err)
		}
		r.Report = report
	})
	t.Logf("%s  %d instances killed; the store: %d restarts, %d freezes, %d partitions from one instance\n"+
		"  accepted after a logout: %d by the JWT, %d by the refresh token\n  %v\n  in %v of real time",
		r.Report, r.fleet.kills, r.restarts, r.freezes, r.partitions, r.fleet.logouts.byJWT, r.fleet.logouts.byRefreshToken,
		r.fleet.eventCounts(), time.Since(started).Round(time.Second))
	return r
}

// check fails the test for every failure of the fleet.
func (r *result) check(t *testing.T) {
	t.Helper()
	r.checkLogouts(t)
	r.checkRejections(t)
	r.checkUsers(t)
	if r.fleet.kills == 0 || r.freezes == 0 {
		t.Errorf("%d instances killed, %d freezes of the store: this run proves nothing", r.fleet.kills, r.freezes)
	}
}

func (r *result) checkLogouts(t *testing.T) {
	t.Helper()
	if r.WrongfulLogouts != 0 {
		t.Errorf("%d wrongful logouts", r.WrongfulLogouts)
	}
}

// checkRejections does not count the 401s after a JWT of another project, which
// package lab excuses: see TestForeignJWT.
func (r *result) checkRejections(t *testing.T) {
	t.Helper()
	if r.TurnedAway != 0 {
		t.Errorf("%d times 401 with a live token", r.TurnedAway)
	}
}

// checkUsers excuses the requests that the logoutObserver has counted: those by a
// JWT, and those by a refresh token up to the number of failed logouts.
func (r *result) checkUsers(t *testing.T) {
	t.Helper()
	logouts := &r.fleet.logouts
	if n := r.WrongfulEntries - logouts.byJWT - logouts.byRefreshToken; n != 0 {
		t.Errorf("%d wrongful entries", n)
	}
	if n, most := logouts.byRefreshToken, r.fleet.eventCounts()[event.LogoutFailed]; n > most {
		t.Errorf("%d requests accepted by a refresh token after its logout, but only %d logouts failed", n, most)
	}
}

// start starts a fleet and its faults. The function end stops both.
func (r *result) start(config crossmint.Config, s scenario) (end func() error, err error) {
	m := &memoryStore{}
	f := &fleet{upstream: config, killOneIn: s.killOneIn}
	r.fleet = f
	if !s.noStore {
		f.newRoute = func() (route, error) { return &pipeRoute{store: m}, nil }
		if err := m.start(); err != nil {
			return nil, err
		}
	}
	if s.spareDegraded {
		f.killsSuspended = m.isDegraded
	}
	if err := f.start(*size, *seed); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.freezeStore(ctx, m, s) })
	wg.Go(func() { r.restartStore(ctx, m, s) })
	wg.Go(func() { r.partitionInstances(ctx, s) })
	wg.Go(func() { f.killInstances(ctx, s) })
	return func() error {
		cancel()
		wg.Wait()
		err := f.close()
		m.close()
		time.Sleep(clientCloseTime)
		return err
	}, nil
}

func (r *result) restartStore(ctx context.Context, m *memoryStore, s scenario) {
	random := rand.New(rand.NewPCG(*seed, 3))
	for s.restartInterval > 0 && sleep(ctx, s.restartInterval) {
		r.restarts++
		m.stop()
		sleep(ctx, upTo(random, time.Second))
		if err := m.start(); err != nil {
			panic(err) // impossible: the store opens no port
		}
	}
}

func (r *result) freezeStore(ctx context.Context, m *memoryStore, s scenario) {
	random := rand.New(rand.NewPCG(*seed, 4))
	for s.freezeInterval > 0 && sleep(ctx, upTo(random, 2*s.freezeInterval)) {
		r.freezes++
		m.freeze()
		sleep(ctx, upTo(random, min(s.freezeInterval, time.Minute)))
		m.thaw()
	}
}

// partitionInstances separates one instance after another from the store.
func (r *result) partitionInstances(ctx context.Context, s scenario) {
	random := rand.New(rand.NewPCG(*seed, 6))
	for s.partitionPause > 0 && sleep(ctx, upTo(random, 2*s.partitionPause)) {
		r.partitions++
		route := r.fleet.next().route.(*pipeRoute)
		route.setPartitioned(true)
		sleep(ctx, 2*time.Second+upTo(random, time.Minute))
		route.setPartitioned(false)
	}
}

func (f *fleet) killInstances(ctx context.Context, s scenario) {
	random := rand.New(rand.NewPCG(*seed, 5))
	for s.killInterval > 0 && sleep(ctx, upTo(random, 2*s.killInterval)) {
		if f.killsSuspended == nil || !f.killsSuspended() {
			f.kill(f.next())
		}
	}
}

// upTo returns a random duration below d.
func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

// sleep sleeps for d. It returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
