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

// climate says what happens to the fleet beside upstream's faults. What is zero
// does not happen.
type climate struct {
	noStore  bool
	restarts time.Duration // between two: the store comes back empty
	freezes  time.Duration // between two, on average
	cuts     time.Duration // between two of a single instance's way to the store, on average
	kills    time.Duration // between two at any moment, on average
	fatal    int           // one in so many of upstream's answers kills its receiver
	spare    bool          // nobody is killed while the store is frozen
}

var (
	// stormy: the store forgets everything every few seconds.
	stormy = climate{restarts: *restart, freezes: 20 * time.Second, kills: 2 * time.Minute, fatal: 50}
	// icy: the store hangs now and then, for up to a minute, and forgets
	// nothing. Who dies then takes along what he alone knows, and no
	// implementation could do anything about it.
	icy = climate{freezes: 4 * time.Minute, kills: 5 * time.Minute, fatal: 50, spare: true}
	// calm: the store hangs now and then, and nobody dies, so that most refusals
	// are certain.
	calm = climate{freezes: 10 * time.Minute}
	// torn: single instances cannot reach the store for some seconds to a
	// minute, while it and the others are well.
	torn = climate{cuts: 10 * time.Second}
	// lonely: every instance for itself.
	lonely = climate{noStore: true}
)

// grace is for how long upstream forgives: longer than the lock of a dead
// instance lasts.
const grace = 30 * time.Second

func TestNobodyIsLoggedOut(t *testing.T) {
	t.Parallel()
	t.Run("the store forgets", func(t *testing.T) { run(t, grace, stormy).judge(t) })
	t.Run("the store freezes", func(t *testing.T) { run(t, grace, icy).judge(t) })
}

// Who dies is missed for a while, and then nobody is logged out for certain.
// Where nobody does, those are who have to be, and no others.
func TestOnlyThoseAreLoggedOutWhoHaveToBe(t *testing.T) {
	t.Parallel()
	o := run(t, grace, calm)
	if o.WrongfulLogouts != 0 || o.RejectedLive != 0 {
		t.Errorf("%d wrongful logouts, %d times 401 with a live token", o.WrongfulLogouts, o.RejectedLive)
	}
	if o.RightfulLogouts == 0 || o.frozen == 0 {
		t.Errorf("%d were logged out who had to be, the store was frozen %d times: this run proves nothing", o.RightfulLogouts, o.frozen)
	}
}

// Who is cut off refreshes alone. What upstream says to the others of a token
// that he has used is not held against its user.
func TestNobodyIsLoggedOutByWhoIsCutOff(t *testing.T) {
	t.Parallel()
	o := run(t, 0, torn)
	if o.WrongfulLogouts != 0 {
		t.Errorf("%d wrongful logouts", o.WrongfulLogouts)
	}
	if o.cuts == 0 {
		t.Error("nobody was cut off: this run proves nothing")
	}
}

// Where upstream forgives nothing, who is killed at the wrong moment takes a
// session along. That is reported, and judged by nobody.
func TestUpstreamWithoutGrace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]climate{"the store forgets": stormy, "the store freezes": icy} {
		t.Run(name, func(t *testing.T) {
			o := run(t, 0, c)
			o.WrongfulLogouts = 0
			o.judge(t)
		})
	}
}

// The oracle bites: instances that share nothing are caught.
func TestWithoutStore(t *testing.T) {
	t.Parallel()
	for name, grace := range map[string]time.Duration{"upstream forgives": grace, "upstream forgives nothing": 0} {
		t.Run(name, func(t *testing.T) {
			if o := run(t, grace, lonely); o.WrongfulLogouts == 0 {
				t.Error("a fleet without a store logged nobody out: the oracle is blind")
			}
		})
	}
}

// outcome is what a run of the laboratory found.
type outcome struct {
	lab.Report
	fleet     *fleet
	restarted int
	frozen    int
	cuts      int
}

// run runs a fleet in the laboratory.
func run(t *testing.T, grace time.Duration, c climate) *outcome {
	t.Helper()
	o := &outcome{}
	started := time.Now()
	synctest.Test(t, func(t *testing.T) {
		var failed error
		report, err := lab.Run(lab.Config{Seed: *seed, Users: *users, Requests: *requests, Faults: *faults, Grace: grace},
			func(config crossmint.Config) (http.Handler, func(), error) {
				end, err := o.launch(config, c)
				return o.fleet, func() { failed = end() }, err
			})
		if err := errors.Join(err, failed); err != nil {
			t.Fatal(err)
		}
		o.Report = report
	})
	t.Logf("%s  %d instances were killed, the store was restarted %d times and frozen %d times\n"+
		"  logged-out JWTs let in by other instances: %d; sessions reopened after a logout that failed: %d\n  %v\n  in %v of real time",
		o.Report, o.fleet.kills, o.restarted, o.frozen, o.fleet.left.lingering, o.fleet.left.reopened, o.fleet.noted(), time.Since(started).Round(time.Second))
	return o
}

// judge fails the test for what must not happen to a fleet. What logged-out
// cookies open is told apart from other entries: see left.
func (o *outcome) judge(t *testing.T) {
	t.Helper()
	if o.WrongfulLogouts != 0 {
		t.Errorf("%d wrongful logouts", o.WrongfulLogouts)
	}
	if o.RejectedLive != 0 {
		t.Errorf("%d times 401 with a live token", o.RejectedLive)
	}
	if n := o.WrongUsers - o.fleet.left.lingering - o.fleet.left.reopened; n != 0 {
		t.Errorf("%d wrongful entries", n)
	}
	if n, most := o.fleet.left.reopened, o.fleet.noted()[event.LogoutFailed]; n > most {
		t.Errorf("%d sessions were reopened after a logout, and only %d logouts failed", n, most)
	}
	if o.fleet.kills == 0 || o.frozen == 0 {
		t.Errorf("%d instances were killed, and the store was frozen %d times: this run proves nothing", o.fleet.kills, o.frozen)
	}
}

// launch builds a fleet and lets the weather loose. end ends both.
func (o *outcome) launch(config crossmint.Config, c climate) (end func() error, err error) {
	m := &memory{}
	f := &fleet{upstream: config, fatal: c.fatal}
	o.fleet = f
	if !c.noStore {
		f.road = func() (road, error) { return &path{to: m}, nil }
		if err := errors.Join(m.up(), m.age()); err != nil {
			return nil, err
		}
	}
	if c.spare {
		f.spared = m.ails
	}
	if err := f.build(*size, *seed); err != nil {
		return nil, err
	}
	over, stop := context.WithCancel(context.Background())
	var weather sync.WaitGroup
	weather.Go(func() { o.freeze(over, m, c) })
	weather.Go(func() { o.restart(over, m, c) })
	weather.Go(func() { o.tear(over, c) })
	weather.Go(func() { f.killings(over, c) })
	return func() error {
		stop()
		weather.Wait()
		err := f.close()
		m.close()
		time.Sleep(2 * time.Second) // a closed client sleeps once more
		return err
	}, nil
}

// restart restarts the store as often as the climate says.
func (o *outcome) restart(over context.Context, m *memory, c climate) {
	random := rand.New(rand.NewPCG(*seed, 3))
	for c.restarts > 0 && sleep(over, c.restarts) {
		o.restarted++
		m.down()
		sleep(over, upTo(random, time.Second))
		if err := m.up(); err != nil {
			panic(err) // it opens nothing that could fail
		}
	}
}

// freeze freezes the store now and then.
func (o *outcome) freeze(over context.Context, m *memory, c climate) {
	random := rand.New(rand.NewPCG(*seed, 4))
	for c.freezes > 0 && sleep(over, upTo(random, 2*c.freezes)) {
		o.frozen++
		m.freeze()
		sleep(over, upTo(random, min(c.freezes, time.Minute)))
		m.thaw()
	}
}

// tear cuts one instance after another off from the store for a while.
func (o *outcome) tear(over context.Context, c climate) {
	random := rand.New(rand.NewPCG(*seed, 6))
	for c.cuts > 0 && sleep(over, upTo(random, 2*c.cuts)) {
		o.cuts++
		way := o.fleet.next().road.(*path)
		way.interrupt(true)
		sleep(over, 2*time.Second+upTo(random, time.Minute))
		way.interrupt(false)
	}
}

// killings kills an instance now and then.
func (f *fleet) killings(over context.Context, c climate) {
	random := rand.New(rand.NewPCG(*seed, 5))
	for c.kills > 0 && sleep(over, upTo(random, 2*c.kills)) {
		if f.spared == nil || !f.spared() {
			f.kill(f.next())
		}
	}
}

func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

// sleep sleeps and reports whether it is not over yet.
func sleep(over context.Context, d time.Duration) bool {
	select {
	case <-over.Done():
		return false
	case <-time.After(d):
		return true
	}
}
