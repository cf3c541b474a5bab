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

const twoCoresTarget = "two cores beside one, all requests of one session"

// twoCores compares two cores that serve the same session with one. Beside it
// stand the bare handler, and the page that shares nothing but allocates as much:
// a process with little in memory collects garbage every few thousand requests,
// and each time its cores have to agree.
func twoCores(ctx context.Context, p plan, up *upstream, r *report) error {
	if runtime.NumCPU() < 2 {
		r.leftOut(twoCoresTarget, "needs two processors")
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all []*scaling
	for _, name := range []string{oursName, copyName, bareName} {
		c, _ := named(name)
		handler, err := c.build(ctx, up.settings)
		if err != nil {
			return err
		}
		all = append(all, &scaling{name: name, handler: handler})
	}
	if err := hot(p, up.valid(jwtCookie), up.user.ID, all...); err != nil {
		return err
	}
	rows := [][]string{{"", "one core/s", "two cores/s", ""}}
	for _, s := range all {
		rows = append(rows, []string{s.name, fmt.Sprintf("%.0f", median(s.one)), fmt.Sprintf("%.0f", median(s.two)), ratio(s.gain())})
	}
	r.table("One session, from two cores", rows)
	r.atLeast(twoCoresTarget, all[0].gain(), 1.5)
	return ctx.Err()
}

// scaling is a handler and what was measured of it: the requests per second of
// one core and of two, every round.
type scaling struct {
	name     string
	handler  http.Handler
	one, two []float64
}

func (s *scaling) gain() float64 { return medianRatio(s.two, s.one) }

// hot measures handlers by the requests of one session.
func hot(p plan, cookie, userID string, all ...*scaling) error {
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

// rate serves n requests on each of so many cores, after as many that are not
// measured, with no more cores than that for everything, the garbage collector
// included.
func rate(cores, n int, handler http.Handler, cookie, userID string) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	runtime.GC()
	faults := make([]error, cores)
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
			faults[core] = w.passed(userID)
		})
	}
	ready.Wait()
	started := time.Now()
	close(start)
	done.Wait()
	took := time.Since(started)
	return float64(cores*n) / took.Seconds(), errors.Join(faults...)
}
