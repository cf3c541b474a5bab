package fleetlab_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
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
	store           *kind         // nil: the instances share nothing
	restartInterval time.Duration // of the store, which loses its data
	freezeInterval  time.Duration // of the store, on average
	partitionPause  time.Duration // between two partitions of one instance from the store, on average
	killInterval    time.Duration // of kills at any moment, on average
	killOneIn       int           // see fleet
	// spareDegraded: no instance is killed while the store is degraded.
	spareDegraded bool
	// cutOff is the time for which one instance cannot reach the store, from the
	// start on. unreachable: it never can.
	cutOff      time.Duration
	unreachable bool
	// replaceInterval is the time between two graceful replacements of an instance.
	replaceInterval time.Duration
	freezes         bool // see fleet
	sticky          bool // see fleet
	life            bool // see lab.Config
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
	// cutOff: one instance cannot reach the store for 45 minutes.
	cutOff = scenario{cutOff: 45 * time.Minute}
	// neverConnected: one instance never reaches the store.
	neverConnected = scenario{unreachable: true}
	// noStore: the instances share nothing.
	noStore = scenario{}
)

// over returns the scenario with a store.
func (s scenario) over(k kind) scenario {
	s.store = &k
	return s
}

// grace is the time for which upstream accepts used tokens: longer than the lock of a
// killed instance. never: upstream accepts each token once.
const (
	grace = 30 * time.Second
	never = 0
)

// modes are the two kinds of upstream.
var modes = []struct {
	name  string
	grace time.Duration
}{
	{name: "upstream accepts used tokens", grace: grace},
	{name: "upstream accepts no used tokens", grace: never},
}

// No weather of the store signs a user out, whether or not upstream accepts used
// tokens.
func TestNoWrongfulLogout(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		for _, mode := range modes {
			if k.isShort() && mode.grace != never {
				continue
			}
			t.Run(mode.name, func(t *testing.T) {
				t.Run("the store freezes", func(t *testing.T) { run(t, mode.grace, storeFreezes.over(k)).check(t) })
				if k.isShort() {
					return
				}
				t.Run("the store restarts", func(t *testing.T) { run(t, mode.grace, storeRestarts.over(k)).check(t) })
				t.Run("no instance is killed", func(t *testing.T) {
					r := run(t, mode.grace, noKills.over(k))
					r.checkSessions(t)
					if r.freezes == 0 {
						t.Error("no freeze of the store: this run proves nothing")
					}
				})
			})
		}
	})
}

// An instance that cannot reach the store refreshes alone. If upstream then refuses
// the used token to another instance, the user is not logged out.
func TestNoWrongfulLogoutDuringPartition(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		if k.isShort() {
			return
		}
		t.Run("up to a minute", func(t *testing.T) {
			r := run(t, never, partitions.over(k))
			r.checkSessions(t)
			if r.partitions == 0 {
				t.Error("no instance was partitioned: this run proves nothing")
			}
		})
		t.Run("45 minutes", func(t *testing.T) {
			r := run(t, never, cutOff.over(k))
			r.checkSessions(t)
			if want := int(cutOff.cutOff / cutOffSlice); r.busySlices != want {
				t.Errorf("requests in %d of the %d times of %v for which the instance was cut off", r.busySlices, want, cutOffSlice)
			}
		})
		t.Run("for ever", func(t *testing.T) {
			r := run(t, never, neverConnected.over(k))
			r.checkSessions(t)
			if r.fleets[0].instances[0].served.Load() == 0 {
				t.Error("the instance without the store got no request: this run proves nothing")
			}
		})
	})
}

// Instances that share nothing log no user out either, because one refusal of a used
// token deletes no cookies. Some users have to sign in again.
func TestWithoutStore(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) { run(t, mode.grace, noStore).checkSessions(t) })
	}
}

// All users of an address reach the same instance, as behind a load balancer with
// sticky sessions.
func TestWithoutStoreSticky(t *testing.T) {
	t.Parallel()
	run(t, never, scenario{sticky: true}).checkSessions(t)
}

// result is the result of a run of package lab.
type result struct {
	lab.Report
	fleets     []*fleet // the first is that of the project
	store      simulatedStore
	requests   atomic.Int64 // of all fleets
	restarts   int
	freezes    int
	partitions int
	busySlices int // times of cutOffSlice in which the instance that was cut off got requests
}

// cutOffSlice is the time in which the instance that is cut off has to get a request.
const cutOffSlice = 5 * time.Minute

// cutOffRequests is the number of requests with which a user stays for longer than an
// hour.
const cutOffRequests = 180

// config returns the configuration of a run.
func (s *scenario) config(grace time.Duration) lab.Config {
	config := lab.Config{
		Seed: *seed, Users: *users, Requests: *requests, Faults: *faults, Latency: *latency, Grace: grace, Life: s.life, Instances: true,
	}
	if s.cutOff > 0 {
		config.Requests = max(config.Requests, 5*cutOffRequests)
		config.Users = config.Requests / cutOffRequests
	}
	return config
}

// run runs a fleet in package lab.
func run(t *testing.T, grace time.Duration, s scenario) *result {
	t.Helper()
	r := &result{}
	if s.store != nil {
		r.store.server = s.store.newServer(t)
	}
	started := time.Now()
	synctest.Test(t, func(t *testing.T) {
		end, err := r.startStore(s)
		if err != nil {
			t.Fatal(err)
		}
		var closeErrs []error
		r.Report, err = lab.Run(s.config(grace), func(config crossmint.Config) (http.Handler, func(), error) {
			f, closeFleet, err := r.startFleet(config, s)
			return f, func() { closeErrs = append(closeErrs, closeFleet()) }, err
		})
		end()
		if err := errors.Join(append(closeErrs, err)...); err != nil {
			t.Fatal(err)
		}
	})
	f := r.fleets[0]
	t.Logf("%s  %d instances killed, %d replaced, %d waited frozen; the store: %d restarts, %d freezes, %d partitions from one instance\n"+
		"  accepted after a logout: %d by the JWT, %d by the refresh token\n  %v\n  in %v of real time",
		r.Report, f.kills, f.replaced, f.waits, r.restarts, r.freezes, r.partitions, f.logouts.byJWT, f.logouts.byRefreshToken,
		f.eventCounts(), time.Since(started).Round(time.Second))
	return r
}

// check fails the test for every failure of the fleet.
func (r *result) check(t *testing.T) {
	t.Helper()
	r.checkSessions(t)
	r.checkUsers(t)
	if r.fleets[0].kills == 0 || r.freezes == 0 {
		t.Errorf("%d instances killed, %d freezes of the store: this run proves nothing", r.fleets[0].kills, r.freezes)
	}
}

// checkSessions fails the test for every live session that the fleet has ended or
// turned away. The 401s after a JWT of another project do not count: see
// TestForeignJWT.
func (r *result) checkSessions(t *testing.T) {
	t.Helper()
	if r.WrongfulLogouts != 0 || r.TurnedAway != 0 || r.RedirectLoops != 0 {
		t.Errorf("%d wrongful logouts, %d times 401 with a live token, %d redirect loops", r.WrongfulLogouts, r.TurnedAway, r.RedirectLoops)
	}
	// A refusal that has waited for a frozen store deletes no cookies.
	keepsTooMany := r.freezes == 0 && r.KeptTooLong > r.RightfulLogouts/4
	if *requests >= longRun && *faults > 0 && (r.RightfulLogouts == 0 || keepsTooMany) {
		t.Errorf("refusals have ended %d sessions, and left %d for more than an hour", r.RightfulLogouts, r.KeptTooLong)
	}
}

// longRun is the number of requests with which some users come back to a dead session
// after an hour.
const longRun = 20_000

// checkUsers excuses the requests that the logoutObserver has counted: those by a
// JWT, and those by a refresh token up to the number of incomplete logouts.
func (r *result) checkUsers(t *testing.T) {
	t.Helper()
	logouts := &r.fleets[0].logouts
	if n := r.WrongfulEntries - logouts.byJWT - logouts.byRefreshToken; n != 0 {
		t.Errorf("%d wrongful entries", n)
	}
	events, incomplete := r.fleets[0].eventCounts(), 0
	for _, outcome := range []event.Outcome{event.LogoutFailed, event.LogoutNotShared, event.LogoutRejected} {
		incomplete += events[outcome]
	}
	if n := logouts.byRefreshToken; n > incomplete {
		t.Errorf("%d requests accepted by a refresh token after its logout, but only %d logouts are incomplete", n, incomplete)
	}
}

// startStore starts the store and its faults. The function end stops both.
func (r *result) startStore(s scenario) (end func(), err error) {
	if s.store == nil {
		return func() {}, nil
	}
	if err := r.store.start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.freezeStore(ctx, s) })
	wg.Go(func() { r.restartStore(ctx, s) })
	return func() {
		cancel()
		wg.Wait()
		r.store.close()
	}, nil
}

// startFleet starts a fleet and its faults. The function end stops both.
func (r *result) startFleet(config crossmint.Config, s scenario) (f *fleet, end func() error, err error) {
	f = &fleet{requests: &r.requests, upstream: config, killOneIn: s.killOneIn, unbuffered: s.life, freezes: s.freezes, sticky: s.sticky}
	r.fleets = append(r.fleets, f)
	if s.store != nil {
		f.newRoute = func() (route, error) { return &pipeRoute{store: &r.store}, nil }
	}
	if s.spareDegraded {
		f.killsSuspended = r.store.isDegraded
	}
	if err := f.start(*size, *seed); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.partitionInstances(ctx, f, s) })
	wg.Go(func() { r.cutOffInstance(ctx, f, s) })
	wg.Go(func() { r.killInstances(ctx, f, s) })
	wg.Go(func() { r.replaceInstances(ctx, f, s) })
	return f, func() error {
		cancel()
		wg.Wait()
		return f.close()
	}, nil
}

func (r *result) restartStore(ctx context.Context, s scenario) {
	random := rand.New(rand.NewPCG(*seed, 3))
	for s.restartInterval > 0 && r.sleepBusy(ctx, s.restartInterval) {
		r.restarts++
		r.store.stop()
		sleep(ctx, upTo(random, time.Second))
		if err := r.store.start(); err != nil {
			panic(err) // impossible: the store opens no port
		}
	}
}

func (r *result) freezeStore(ctx context.Context, s scenario) {
	random := rand.New(rand.NewPCG(*seed, 4))
	for s.freezeInterval > 0 && r.sleepBusy(ctx, upTo(random, 2*s.freezeInterval)) {
		r.freezes++
		r.store.freeze()
		sleep(ctx, upTo(random, min(s.freezeInterval, time.Minute)))
		r.store.thaw()
	}
}

// partitionInstances separates one instance after another from the store.
func (r *result) partitionInstances(ctx context.Context, f *fleet, s scenario) {
	random := rand.New(rand.NewPCG(*seed, 6))
	for s.partitionPause > 0 && r.sleepBusy(ctx, upTo(random, 2*s.partitionPause)) {
		r.partitions++
		route := f.next().route.(*pipeRoute)
		route.setPartitioned(true)
		sleep(ctx, 2*time.Second+upTo(random, time.Minute))
		route.setPartitioned(false)
	}
}

// cutOffInstance separates the first instance from the store before the first request.
func (r *result) cutOffInstance(ctx context.Context, f *fleet, s scenario) {
	if s.cutOff == 0 && !s.unreachable {
		return
	}
	i := f.instances[0]
	route := i.route.(*pipeRoute)
	route.setPartitioned(true)
	for range s.cutOff / cutOffSlice {
		before := i.served.Load()
		if !sleep(ctx, cutOffSlice) {
			return
		}
		if i.served.Load() > before {
			r.busySlices++
		}
	}
	route.setPartitioned(s.unreachable)
}

func (r *result) replaceInstances(ctx context.Context, f *fleet, s scenario) {
	for s.replaceInterval > 0 && r.sleepBusy(ctx, s.replaceInterval) {
		f.replace()
	}
}

func (r *result) killInstances(ctx context.Context, f *fleet, s scenario) {
	random := rand.New(rand.NewPCG(*seed, 5))
	for s.killInterval > 0 && r.sleepBusy(ctx, upTo(random, 2*s.killInterval)) {
		if f.killsSuspended == nil || !f.killsSuspended() {
			f.kill(f.next())
		}
	}
}

// upTo returns a random duration below d.
func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

// sleepBusy sleeps for d, and again while no request has come: the weather of the
// hours in which all users are away proves nothing. It returns false if ctx ends
// first.
func (r *result) sleepBusy(ctx context.Context, d time.Duration) bool {
	for {
		before := r.requests.Load()
		if !sleep(ctx, d) {
			return false
		}
		if r.requests.Load() != before {
			return true
		}
	}
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
