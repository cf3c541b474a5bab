package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

const (
	garbageTokens = 10_000_000
	hourRequests  = 3_600_000
	hourTenth     = hourRequests / 10
	refreshEvery  = 10
	mebibyte      = 1 << 20
	workers       = 4
	// garbageLimit bounds the memory for forged tokens.
	garbageLimit = 64 * mebibyte
	// undeliveredSessions are renewed at once; undeliveredLimit bounds their memory.
	undeliveredSessions = 100_000
	undeliveredLimit    = 250 * mebibyte
)

// heap returns the size of the live heap in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// garbage sends forged JWTs and refresh tokens. Its clients do not wait for their
// turn at the limiter, nor for the response to a first refusal.
func garbage() error {
	s, err := newSite(crossminttest.Config{})
	if err != nil {
		return err
	}
	defer s.close()
	grant := s.fake.Grant(s.fake.NewUser("ann@example.com"))
	valid := func() int { return s.status(request(grant.JWT.Reveal(), grant.RefreshToken.Secret.Reveal())) }
	forged := s.fake.ForgedJWT(s.fake.NewUser("bob@example.com"))
	if code := valid(); code != http.StatusOK {
		return fmt.Errorf("a valid session: %d", code)
	}
	before, highest := heap(), int64(0)
	left, leave := context.WithCancel(context.Background())
	leave()
	const step = garbageTokens / 10
	for i := range 10 {
		spread(step, func(n int) {
			token := strconv.Itoa(i*step + n)
			jwt := forged[:len(forged)-len(token)] + token // a signature of its own
			if n%100 != 0 {
				jwt = "for.ged." + token // most have no signature to check
			}
			s.status(request(jwt, "forged-"+token).WithContext(left))
		})
		highest = max(highest, heap()-before)
	}
	code := valid()
	fmt.Printf("  heap +%.1f MiB at most, after each million; a valid session then: %d\n", float64(highest)/mebibyte, code)
	return errors.Join(
		check(highest <= garbageLimit, "more than %d MiB", garbageLimit/mebibyte),
		check(code == http.StatusOK, "the valid session is rejected"))
}

// undelivered renews sessions whose responses do not reach a browser.
func undelivered() error {
	s, upstream, err := newStatelessSite()
	if err != nil {
		return err
	}
	defer upstream.Close()
	defer s.close()
	jwt := session.NewSecret(s.fake.ExpiredJWT(s.fake.NewUser("ann@example.com")))
	before := heap()
	var failed atomic.Int64
	spread(undeliveredSessions, func(n int) {
		material := session.Material{JWT: jwt, RefreshToken: session.NewSecret(fmt.Sprint("token-", n))}
		if result, err := s.sessions.Authenticate(context.Background(), material); err != nil || result.Renewed == nil {
			failed.Add(1)
		}
	})
	grown := heap() - before
	fmt.Printf("  heap +%.1f MiB; %d sessions failed; %d × %s\n", float64(grown)/mebibyte, failed.Load(), s.dropped.Load(), event.UndeliveredDropped)
	return errors.Join(
		check(grown <= undeliveredLimit, "more than %d MiB", undeliveredLimit/mebibyte),
		check(s.dropped.Load() > 0, "no event tells that sessions were dropped"))
}

// spread calls work n times, from several goroutines.
func spread(n int, work func(int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				work(i)
			}
		})
	}
	wg.Wait()
}

// hour measures heap and goroutines under the load of one hour.
func hour() error {
	s, upstream, err := newStatelessSite()
	if err != nil {
		return err
	}
	defer upstream.Close()
	defer s.close()
	user := s.fake.NewUser("ann@example.com")
	valid := make([]*http.Request, 1000)
	for i := range valid {
		g := s.fake.Grant(user)
		valid[i] = request(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
	}
	expired := s.fake.ExpiredJWT(user)
	fmt.Printf("  %-10s %12s %12s\n", "requests", "heap", "goroutines")
	var first, last int64
	for tenth := range 10 {
		spread(hourTenth, func(n int) {
			if n%refreshEvery == 0 {
				s.status(request(expired, fmt.Sprintf("token-%d-%d", tenth, n)))
			} else {
				s.status(valid[n%len(valid)].Clone(valid[n%len(valid)].Context()))
			}
		})
		last = heap()
		if tenth == 7 { // by then all bounded tables are full
			first = last
		}
		fmt.Printf("  %-10d %8.1f MiB %12d\n", (tenth+1)*hourTenth, float64(last)/mebibyte, runtime.NumGoroutine())
	}
	fmt.Printf("  heap at the end: %.2f × that with full bounded tables\n", float64(last)/float64(first))
	return nil
}
