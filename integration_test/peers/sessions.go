package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"
)

const (
	// maxCached is the number of sessions that the kit caches.
	maxCached = 131_072
	// tokenSize is the approximate length of a JWT.
	tokenSize = 850
	// maxRequests bounds the requests in memory if not all sessions are cached.
	maxRequests = 10_000
)

// crowd is a number of sessions with their costs. EdDSA signs their JWTs: a million
// RSA signatures would take too long, and the cache does not depend on the
// algorithm.
type crowd struct {
	size                 int
	first                float64   // ns per first request of a session
	cookies, codec, page []float64 // ns per later request, by round
	one                  scaling   // of one session among the others
	bytes, token         float64   // heap per cached session; size of its JWT
}

// manySessions measures requests of many distinct sessions.
func manySessions(ctx context.Context, p plan, _ *upstream, r *report) error {
	up, err := newUpstream("EdDSA")
	if err != nil {
		return err
	}
	defer up.close()
	var crowds []crowd
	for _, n := range p.sessions {
		c, err := measureCrowd(ctx, p, up, n)
		if err != nil {
			return fmt.Errorf("%d sessions: %w", n, err)
		}
		crowds = append(crowds, c)
	}
	reportSessions(crowds, r)
	return ctx.Err()
}

// measureCrowd serves n new sessions, serves them again in random order if all are
// cached, and measures the heap that they use.
func measureCrowd(ctx context.Context, p plan, up *upstream, n int) (crowd, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := crowd{size: n}
	before := heap()
	k, err := newKit(ctx, up.settings)
	if err != nil {
		return c, err
	}
	if err := c.serveAll(ctx, p, up, k); err != nil {
		return c, err
	}
	c.bytes = (heap() - before) / float64(min(n, maxCached))
	c.one = scaling{name: "one of them", handler: k.handler}
	return c, measureScaling(p, up.valid(jwtCookie), up.user.ID, &c.one)
}

// serveAll serves all sessions for the first time.
func (c *crowd) serveAll(ctx context.Context, p plan, up *upstream, k *kit) error {
	step := maxRequests
	if c.size <= maxCached {
		step = c.size
	}
	var took time.Duration
	w := newWriter()
	for from := 0; from < c.size; from += step {
		requests := up.requests(from, min(step, c.size-from))
		started := time.Now()
		for _, r := range requests {
			w.serve(k.handler, r)
		}
		took += time.Since(started)
		if err := w.verify(up.user.ID); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.size <= maxCached {
			if err := c.serveAgain(p, requests, k, up.user.ID); err != nil {
				return err
			}
		}
		jwt, _ := requests[0].Cookie(jwtCookie)
		c.token = float64(len(jwt.Value))
	}
	c.first = float64(took) / float64(c.size)
	return nil
}

// requests returns requests of n distinct sessions.
func (u *upstream) requests(from, n int) []*http.Request {
	unpadded := len(u.Sign(u.user, nil, map[string]any{"picture": ""}))
	picture := strings.Repeat("x", max(0, (tokenSize-unpadded)*3/4))
	requests := make([]*http.Request, n)
	var wg sync.WaitGroup
	signers := runtime.NumCPU()
	for signer := range signers {
		wg.Go(func() {
			for i := signer; i < n; i += signers {
				jwt := u.Sign(u.user, nil, map[string]any{"picture": picture})
				requests[i] = newRequest(cookies(jwtCookie, jwt, fmt.Sprintf("%043d", from+i)))
			}
		})
	}
	wg.Wait()
	return requests
}

// heap returns the size of the live heap in bytes.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func reportSessions(crowds []crowd, r *report) {
	rows := [][]string{{"sessions", "first ns", "again ns", "cookies by net/http ns", "cookies by the codec ns", "again, of net/http", "one session, requests/s", "two cores", "heap/session", "of its JWT"}}
	var coldest, largest float64
	for i, c := range crowds {
		row := []string{fmt.Sprint(c.size), fmt.Sprintf("%.0f", c.first), "–", "–", "–", "–"}
		if len(c.page) > 0 {
			coldest = medianRatio(c.page, c.cookies)
			row = append(row[:2], fmt.Sprintf("%.0f", median(c.page)), fmt.Sprintf("%.0f", median(c.cookies)), fmt.Sprintf("%.0f", median(c.codec)), ratio(coldest))
		}
		if i > 0 { // in the smallest crowd the fixed size of the cache dominates
			largest = max(largest, c.bytes/c.token)
		}
		rows = append(rows, append(row, fmt.Sprintf("%.0f", median(c.one.one)), ratio(c.one.gain()), fmt.Sprintf("%.0f B", c.bytes), ratio(c.bytes/c.token)))
	}
	r.table(fmt.Sprintf("Protected requests of many distinct sessions (EdDSA, JWTs of %.0f B); %d sessions are cached", crowds[0].token, maxCached), rows)
	r.atMost("requests of 100,000 sessions in random order, of reading their cookies by net/http", coldest, 2)
	r.atMost("heap per cached session, of its JWT, with 100,000 sessions or more", largest, 1.35)
}
