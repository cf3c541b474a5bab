package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
)

// slot is one measured thing. Every round measures all slots.
type slot struct {
	name    string
	kind    kind
	n       int
	begin   func() // runs before a round; nil: nothing to do
	prepare func() // runs before each batch
	work    func()
	verify  func() error // checks the responses of a round
	samples []sample
}

// newSlot returns a slot that calls handler with the request.
func newSlot(name string, k kind, n int, handler http.Handler, request *http.Request, userID string) slot {
	w := newWriter()
	return slot{
		name: name, kind: k, n: n, prepare: w.reset,
		work:   func() { w.serve(handler, request) },
		verify: func() error { return w.verify(userID) },
	}
}

// measureRounds measures all slots in each round, in a random order. On one core the
// CPU time of the process has all work of the garbage collector and no idle threads.
func measureRounds(ctx context.Context, p plan, slots []slot) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range p.rounds {
		for _, i := range shuffled(len(slots)) {
			s := &slots[i]
			if s.begin != nil {
				s.begin()
			}
			s.samples = append(s.samples, measure(s.n, s.prepare, s.work))
			if err := s.verify(); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return ctx.Err()
}

// timeRatio returns the time of a divided by the time of b.
func timeRatio(a, b []sample) float64 {
	return medianRatio(column(a, nanoseconds), column(b, nanoseconds))
}

const rsaName = "one RSA-2048 verification"

// rsaSlot is the unit of the comparison.
func rsaSlot(p plan) (slot, error) {
	unit, err := rsaVerification()
	return slot{name: rsaName, n: p.slow, prepare: nothing, work: unit, verify: func() error { return nil }}, err
}

// directCalls compares calls of the handlers, without a network.
func directCalls(ctx context.Context, p plan, up *upstream, r *report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unit, err := rsaSlot(p)
	if err != nil {
		return err
	}
	slots := []slot{unit}
	request := newRequest(up.valid(jwtCookie))
	for _, c := range contenders {
		handler, err := c.build(ctx, up.settings)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		s := newSlot(c.name, c.kind, p.calls(c.kind), handler, request, up.user.ID)
		s.prepare()
		s.work()
		if err := s.verify(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		slots = append(slots, s)
	}
	if err := measureRounds(ctx, p, slots); err != nil {
		return err
	}
	reportDirectCalls(slots, p, r)
	return nil
}

func reportDirectCalls(slots []slot, p plan, r *report) {
	byName := map[string]slot{}
	for _, s := range slots {
		byName[s.name] = s
	}
	unit, own := byName[rsaName], byName[oursName]
	rows := [][]string{{"", "", "ns", "allocs", "bytes", "of one RSA verification", "of ours", "undisturbed ns", "of one RSA verification"}}
	for _, s := range slots {
		row := costs(s.samples, ratio(timeRatio(s.samples, unit.samples)), ratio(timeRatio(s.samples, own.samples)),
			fmt.Sprintf("%.0f", undisturbed(s.samples)), ratio(undisturbed(s.samples)/undisturbed(unit.samples)))
		rows = append(rows, append([]string{s.name, string(s.kind)}, row...))
	}
	r.table(fmt.Sprintf("A protected request whose handler reads the user ID, called directly: medians of %d rounds", p.rounds), rows)
	r.atLeast("protected requests, called directly, in the time of one RSA-2048 verification", timeRatio(unit.samples, own.samples), 60)
	r.atMost("allocations of a protected request", wholeAllocs(own.samples), 3)
	r.atMost("bytes allocated by a protected request", wholeBytes(own.samples), 560)
}

// costs returns cells with the time, the allocations and the bytes, and then the
// others.
func costs(samples []sample, others ...string) []string {
	return append([]string{
		fmt.Sprintf("%.0f", median(column(samples, nanoseconds))),
		fmt.Sprintf("%.0f", median(column(samples, allocsOf))),
		fmt.Sprintf("%.0f", median(column(samples, bytesOf))),
	}, others...)
}

// wholeAllocs returns whole allocations, like testing.AllocsPerRun: the runtime
// itself allocates now and then.
func wholeAllocs(samples []sample) float64 { return math.Floor(median(column(samples, allocsOf))) }

func wholeBytes(samples []sample) float64 { return math.Floor(median(column(samples, bytesOf))) }
