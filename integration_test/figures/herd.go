package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

const (
	herdSize   = 1000
	herdRounds = 5
)

// herd measures from the release of the requests to the last answer.
func herd() error {
	for _, latency := range []time.Duration{50 * time.Millisecond, 2500 * time.Millisecond, 8 * time.Second} {
		rounds := herdRounds
		if latency > time.Second {
			rounds = 1
		}
		var took []time.Duration
		for range rounds {
			d, err := stampede(latency)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
		slices.Sort(took)
		median := took[len(took)/2]
		fmt.Printf("  upstream %5v: 1 call, %d × 200, the same cookies; median of %d: %v, %.2f × upstream (%v to %v)\n",
			latency, herdSize, rounds, median.Round(time.Millisecond), float64(median)/float64(latency), took[0].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	}
	return nil
}

// stampede sends one herd and checks that all are served by one refresh.
func stampede(latency time.Duration) (time.Duration, error) {
	s, err := newSite(crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	if err != nil {
		return 0, err
	}
	defer s.close()
	server := httptest.NewServer(s.handler)
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: herdSize}
	defer transport.CloseIdleConnections()

	grant := s.fake.ExpiredGrant(s.fake.NewUser("ann@example.com"))
	s.fake.SetLatency(crossminttest.Refresh, latency)
	opened, release := sync.WaitGroup{}, make(chan struct{})
	answers := make(chan error, herdSize)
	var mu sync.Mutex
	cookies := map[string]int{}
	opened.Add(herdSize)
	for range herdSize {
		go func() {
			// A request without cookies opens the connection.
			err := ask(transport, server.URL, "", http.StatusUnauthorized, nil)
			opened.Done()
			<-release
			answers <- errors.Join(err, ask(transport, server.URL, "crossmint-session="+grant.JWT.Reveal()+"; crossmint-refresh-token="+grant.RefreshToken.Secret.Reveal(),
				http.StatusOK, func(set string) {
					mu.Lock()
					cookies[set]++
					mu.Unlock()
				}))
		}()
	}
	opened.Wait()
	started := time.Now()
	close(release)
	for range herdSize {
		err = errors.Join(err, <-answers)
	}
	took := time.Since(started)
	return took, errors.Join(err,
		check(s.fake.Calls().Refresh == 1, "upstream was asked %d times", s.fake.Calls().Refresh),
		check(len(cookies) == 1, "%d different sets of cookies", len(cookies)))
}

// ask sends one request and wants a status. Seen receives the renewed tokens.
func ask(transport http.RoundTripper, url, cookies string, want int, seen func(string)) error {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if seen != nil {
		var values string
		for _, c := range res.Cookies() {
			values += c.Name + "=" + c.Value + ";"
		}
		seen(values)
	}
	return check(res.StatusCode == want, "status %d, want %d", res.StatusCode, want)
}
