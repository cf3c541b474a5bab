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

// twoCores compares two cores that serve the same session with one.
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
	gain := medianRatio(two, one)
	r.table("Ours, one session, from two cores", [][]string{
		{"", "requests/s", ""},
		{"one core", fmt.Sprintf("%.0f", median(one)), ""},
		{"two cores", fmt.Sprintf("%.0f", median(two)), ratio(gain)},
	})
	r.atLeast(twoCoresTarget, gain, 1.5)
	return nil
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

// rate serves n requests on each of so many cores, with no more cores than
// that for everything, the garbage collector included.
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
			ready.Done()
			<-start
			for range n {
				w.serve(handler, r)
			}
			faults[core] = w.passed(n, userID)
		})
	}
	ready.Wait()
	started := time.Now()
	close(start)
	done.Wait()
	took := time.Since(started)
	return float64(cores*n) / took.Seconds(), errors.Join(faults...)
}
