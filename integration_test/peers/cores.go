package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"
)

const twoCoresTarget = "requests of one session, two cores of one"

// twoCores compares two cores that serve the same session with one core. The bare
// handler shows the gain of a handler without shared state.
func twoCores(ctx context.Context, p plan, up *upstream, r *report) error {
	if runtime.NumCPU() < 2 {
		r.leftOut(twoCoresTarget, "needs two processors")
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all []*scaling
	for _, name := range []string{oursName, bareName} {
		c, _ := contenderByName(name)
		handler, err := c.build(ctx, up.settings)
		if err != nil {
			return err
		}
		all = append(all, &scaling{name: name, handler: handler})
	}
	if err := measureScaling(p, up.valid(jwtCookie), up.user.ID, all...); err != nil {
		return err
	}
	rows := [][]string{{"", "requests/s, one core", "two cores", "gain"}}
	for _, s := range all {
		rows = append(rows, []string{s.name, fmt.Sprintf("%.0f", median(s.one)), fmt.Sprintf("%.0f", median(s.two)), ratio(s.gain())})
	}
	r.table("Protected requests of one session, from two cores", rows)
	r.atLeast(twoCoresTarget, all[0].gain(), 1.5)
	return ctx.Err()
}

// scaling is a handler with its requests per second of one core and of two, by
// round.
type scaling struct {
	name     string
	handler  http.Handler
	one, two []float64
}

func (s *scaling) gain() float64 { return medianRatio(s.two, s.one) }

// measureScaling measures handlers with the requests of one session.
func measureScaling(p plan, cookie, userID string, all ...*scaling) error {
	for range p.rounds {
		for _, i := range shuffled(2 * len(all)) {
			s, cores := all[i/2], 1+i%2
			rate, err := rate(cores, p.fast, s.handler, cookie, userID)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if cores == 1 {
				s.one = append(s.one, rate)
			} else {
				s.two = append(s.two, rate)
			}
		}
	}
	return nil
}

// rate returns the requests per second of n requests on each core. It serves as
// many before it measures. The garbage collector uses the same cores.
func rate(cores, n int, handler http.Handler, cookie, userID string) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	runtime.GC()
	errs := make([]error, cores)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for core := range cores {
		ready.Add(1)
		done.Go(func() {
			w, r := newWriter(), newRequest(cookie)
			serve := func() {
				for range n {
					w.serve(handler, r)
				}
			}
			serve()
			ready.Done()
			<-start
			serve()
			errs[core] = w.verify(userID)
		})
	}
	ready.Wait()
	started := time.Now()
	close(start)
	done.Wait()
	took := time.Since(started)
	return float64(cores*n) / took.Seconds(), errors.Join(errs...)
}
