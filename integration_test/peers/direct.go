package main

import (
	"context"
	"fmt"
	"math"
)

// slot is one thing that is measured in every round.
type slot struct {
	name    string
	kind    kind
	n       int
	prepare func()
	work    func()
	passed  func() error
	samples []sample
}

const rsaName = "one RSA-2048 verification"

// direct compares calls of the handlers, without a network.
func direct(ctx context.Context, p plan, up *upstream, r *report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slots, err := directSlots(ctx, p, up)
	if err != nil {
		return err
	}
	for range p.rounds {
		for _, i := range shuffled(len(slots)) {
			s := &slots[i]
			s.samples = append(s.samples, measure(s.n, s.prepare, s.work))
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
	samplesOf := map[string][]sample{}
	for _, s := range slots {
		samplesOf[s.name] = s.samples
	}
	unit, own := column(samplesOf[rsaName], nanoseconds), column(samplesOf[oursName], nanoseconds)
	rows := [][]string{{"", "", "ns", "allocs", "bytes", "of one RSA verification", "beside ours"}}
	for _, s := range slots {
		took := column(s.samples, nanoseconds)
		rows = append(rows, []string{
			s.name, string(s.kind),
			fmt.Sprintf("%.0f", median(took)),
			fmt.Sprintf("%.0f", median(column(s.samples, allocsOf))),
			fmt.Sprintf("%.0f", median(column(s.samples, bytesOf))),
			ratio(medianRatio(took, unit)),
			ratio(medianRatio(took, own)),
		})
	}
	r.table(fmt.Sprintf("A protected request, called directly: medians of %d rounds", p.rounds), rows)
	r.atLeast("protected requests, called directly, in the time of one RSA-2048 verification", medianRatio(unit, own), 70)
	// Whole allocations, as testing.AllocsPerRun counts them: what the
	// runtime itself allocates now and then belongs to no request.
	r.atMost("allocations of a protected request", math.Floor(median(column(samplesOf[oursName], allocsOf))), 2)
	r.atMost("bytes allocated by a protected request", math.Floor(median(column(samplesOf[oursName], bytesOf))), 512)
}
