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

// flood compares the refreshes of signed-in users without and with a flood of forged
// tokens.
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
	fmt.Printf("  forged tokens that reached upstream: %d in %v\n", calls-len(flooded), floodTime)
	return nil
}

func percentile(sorted []time.Duration, p int) time.Duration { return sorted[(len(sorted)-1)*p/100] }

// refreshes returns the sorted durations of the refreshes of signed-in users.
func refreshes(flooded bool) (took []time.Duration, calls int, err error) {
	s, err := newSite(crossminttest.Config{})
	if err != nil {
		return nil, 0, err
	}
	defer s.close()
	s.fake.SetLatency(crossminttest.Refresh, floodLatency)
	var wg sync.WaitGroup
	var mu sync.Mutex
	addError := func(e error) {
		mu.Lock()
		defer mu.Unlock()
		err = errors.Join(err, e)
	}
	end := time.Now().Add(floodTime)
	if flooded {
		wg.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				wg.Go(func() {
					code := s.status(request("", fmt.Sprint("forged-", i)))
					if code != http.StatusTemporaryRedirect && code != http.StatusServiceUnavailable {
						addError(fmt.Errorf("a forged token: %d", code))
					}
				})
				time.Sleep(floodInterval)
			}
		})
	}
	for i := 0; time.Now().Before(end); i++ {
		grant := s.fake.ExpiredGrant(s.fake.NewUser(fmt.Sprintf("user%d@example.com", i)))
		wg.Go(func() {
			started := time.Now()
			code := s.status(request(grant.JWT.Reveal(), grant.RefreshToken.Secret.Reveal()))
			d := time.Since(started)
			if code != http.StatusOK {
				addError(fmt.Errorf("a signed-in user: %d", code))
			}
			mu.Lock()
			took = append(took, d)
			mu.Unlock()
		})
		time.Sleep(userInterval)
	}
	wg.Wait()
	slices.Sort(took)
	return took, s.fake.Calls().Refresh, err
}
