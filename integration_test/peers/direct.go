package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
)

// slot is one thing that is measured in every round.
type slot struct {
	name    string
	kind    kind
	n       int
	prepare func()
	work    func()
	passed  func() error
	samples []sample // with all processors
	single  []sample // with one
}

// beside returns how many times as long a takes as b.
func beside(a, b []sample) float64 {
	return medianRatio(column(a, nanoseconds), column(b, nanoseconds))
}

const rsaName = "one RSA-2048 verification"

// direct compares calls of the handlers, without a network: with all processors,
// as a process finds them, and with one. The latter is the dearer, and judged by
// nobody: these calls never wait, as a server does for its network, so that one
// processor leaves the garbage collector no time of its own.
func direct(ctx context.Context, p plan, up *upstream, r *report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slots, err := directSlots(ctx, p, up)
	if err != nil {
		return err
	}
	for range p.rounds {
		for _, i := range shuffled(2 * len(slots)) {
			s := &slots[i/2]
			if i%2 == 0 {
				s.samples = append(s.samples, measure(s.n, s.prepare, s.work))
			} else {
				before := runtime.GOMAXPROCS(1)
				s.single = append(s.single, measure(s.n, s.prepare, s.work))
				runtime.GOMAXPROCS(before)
			}
			if err := s.passed(); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	reportDirect(slots, p, r)
	return ctx.Err()
}

// directSlots are one RSA verification and all contenders, each called once.
func directSlots(ctx context.Context, p plan, up *upstream) ([]slot, error) {
	unit, err := rsaVerification()
	if err != nil {
		return nil, err
	}
	slots := []slot{{name: rsaName, n: p.slow, prepare: nothing, work: unit, passed: func() error { return nil }}}
	request := newRequest(up.valid(jwtCookie))
	for _, c := range contenders {
		handler, err := c.build(ctx, up.settings)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		w := newWriter()
		w.serve(handler, request)
		if err := w.passed(up.user.ID); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		slots = append(slots, slot{
			name:    c.name,
			kind:    c.kind,
			n:       p.calls(c.kind),
			prepare: w.renew,
			work:    func() { w.serve(handler, request) },
			passed:  func() error { return w.passed(up.user.ID) },
		})
	}
	return slots, nil
}

func reportDirect(slots []slot, p plan, r *report) {
	named := map[string]slot{}
	for _, s := range slots {
		named[s.name] = s
	}
	unit, own := named[rsaName], named[oursName]
	rows := [][]string{{"", "", "ns", "allocs", "bytes", "of one RSA verification", "beside ours", "ns, one processor", "of one RSA verification"}}
	for _, s := range slots {
		rows = append(rows, []string{
			s.name, string(s.kind),
			fmt.Sprintf("%.0f", median(column(s.samples, nanoseconds))),
			fmt.Sprintf("%.0f", median(column(s.samples, allocsOf))),
			fmt.Sprintf("%.0f", median(column(s.samples, bytesOf))),
			ratio(beside(s.samples, unit.samples)),
			ratio(beside(s.samples, own.samples)),
			fmt.Sprintf("%.0f", median(column(s.single, nanoseconds))),
			ratio(beside(s.single, unit.single)),
		})
	}
	r.table(fmt.Sprintf("A protected request, called directly: medians of %d rounds", p.rounds), rows)
	r.atLeast("protected requests, called directly, in the time of one RSA-2048 verification", beside(unit.samples, own.samples), 70)
	// Whole allocations, as testing.AllocsPerRun counts them: what the
	// runtime itself allocates now and then belongs to no request.
	r.atMost("allocations of a protected request", math.Floor(median(column(own.samples, allocsOf))), 2)
	r.atMost("bytes allocated by a protected request", math.Floor(median(column(own.samples, bytesOf))), 512)
}
