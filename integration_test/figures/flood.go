package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

const (
	floodTime     = 10 * time.Second
	floodInterval = time.Millisecond
	userInterval  = 20 * time.Millisecond
	floodLatency  = 50 * time.Millisecond
)

// flood compares the refreshes of signed users in quiet and in a flood.
func flood() error {
	quiet, _, err := refreshes(false)
	if err != nil {
		return err
	}
	flooded, calls, err := refreshes(true)
	if err != nil {
		return err
	}
	fmt.Printf("  %-12s %10s %10s\n", "", "quiet", "flood")
	for _, p := range []int{50, 99} {
		a, b := percentile(quiet, p), percentile(flooded, p)
		fmt.Printf("  p%-11d %10v %10v  %.2f ×\n", p, a.Round(100*time.Microsecond), b.Round(100*time.Microsecond), float64(b)/float64(a))
	}
	fmt.Printf("  made-up tokens that reached upstream: %d in %v\n", calls-len(flooded), floodTime)
	return nil
}

func percentile(sorted []time.Duration, p int) time.Duration { return sorted[(len(sorted)-1)*p/100] }

// refreshes returns how long the refreshes of signed users took, sorted.
func refreshes(flooded bool) (took []time.Duration, calls int, err error) {
	s, err := newSite(crossminttest.Config{})
	if err != nil {
		return nil, 0, err
	}
	defer s.close()
	s.fake.SetLatency(crossminttest.Refresh, floodLatency)
	var all sync.WaitGroup
	var mu sync.Mutex
	fault := func(e error) {
		mu.Lock()
		defer mu.Unlock()
		err = errors.Join(err, e)
	}
	end := time.Now().Add(floodTime)
	if flooded {
		all.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				all.Go(func() {
					if code := s.status(request("", fmt.Sprint("made-up-", i))); code != http.StatusUnauthorized && code != http.StatusServiceUnavailable {
						fault(fmt.Errorf("a made-up token: %d", code))
					}
				})
				time.Sleep(floodInterval)
			}
		})
	}
	for i := 0; time.Now().Before(end); i++ {
		grant := s.fake.ExpiredGrant(s.fake.NewUser(fmt.Sprintf("user%d@example.com", i)))
		all.Go(func() {
			started := time.Now()
			code := s.status(request(grant.JWT.Reveal(), grant.RefreshToken.Secret.Reveal()))
			d := time.Since(started)
			if code != http.StatusOK {
				fault(fmt.Errorf("a signed user: %d", code))
			}
			mu.Lock()
			took = append(took, d)
			mu.Unlock()
		})
		time.Sleep(userInterval)
	}
	all.Wait()
	slices.Sort(took)
	return took, s.fake.Calls().Refresh, err
}
