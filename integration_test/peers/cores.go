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

// twoCores compares two cores that serve the same session with one. A page that
// shares nothing, but allocates as much, shows what the runtime and the machine
// leave of the second core: a process with little in memory collects garbage
// every few thousand requests, and each time its cores have to agree.
func twoCores(ctx context.Context, p plan, up *upstream, r *report) error {
	if runtime.NumCPU() < 2 {
		r.leftOut(twoCoresTarget, "needs two processors")
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k, err := newKit(ctx, up.settings)
	if err != nil {
		return err
	}
	one, two, err := hot(p, k.handler, up.valid(jwtCookie), up.user.ID)
	if err != nil {
		return err
	}
	floorOne, floorTwo, err := hot(p, floor(up.user.ID), "", up.user.ID)
	if err != nil {
		return err
	}
	gain, floorGain := medianRatio(two, one), medianRatio(floorTwo, floorOne)
	r.table("Ours, one session, from two cores", [][]string{
		{"", "one core/s", "two cores/s", ""},
		{oursName, fmt.Sprintf("%.0f", median(one)), fmt.Sprintf("%.0f", median(two)), ratio(gain)},
		{floorName, fmt.Sprintf("%.0f", median(floorOne)), fmt.Sprintf("%.0f", median(floorTwo)), ratio(floorGain)},
	})
	r.atLeastBeside(twoCoresTarget, gain, 1.5, floorGain)
	return nil
}

const floorName = "only a copy of the request, in as much memory"

// floor returns a page that does nothing for its request but what any
// middleware has to that puts something into its context: copy it.
func floor(userID string) http.Handler {
	type copied struct {
		request http.Request
		beside  [14]*int // as large as what ours keeps beside it
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &copied{request: *r.WithContext(r.Context())}
		page(w, &c.request, userID)
	})
}

// hot returns the requests per second of one session, by one core and by two,
// of every round.
func hot(p plan, handler http.Handler, cookie, userID string) (one, two []float64, err error) {
	for range p.rounds {
		for _, cores := range []int{1, 2} {
			rate, fault := rate(cores, p.fast, handler, cookie, userID)
			err = errors.Join(err, fault)
			if cores == 1 {
				one = append(one, rate)
			} else {
				two = append(two, rate)
			}
		}
	}
	return one, two, err
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
			faults[core] = w.passed(2*n, userID)
		})
	}
	ready.Wait()
	started := time.Now()
	close(start)
	done.Wait()
	took := time.Since(started)
	return float64(cores*n) / took.Seconds(), errors.Join(faults...)
}
