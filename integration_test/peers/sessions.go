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

// sessionGroup is a number of sessions with their costs. EdDSA signs their JWTs: a million
// RSA signatures would take too long, and the cache does not depend on the
// algorithm.
type sessionGroup struct {
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
	var groups []sessionGroup
	for _, n := range p.sessions {
		g, err := measureGroup(ctx, p, up, n)
		if err != nil {
			return fmt.Errorf("%d sessions: %w", n, err)
		}
		groups = append(groups, g)
	}
	reportSessions(groups, r)
	return ctx.Err()
}

// measureGroup serves n new sessions, serves them again in random order if all are
// cached, and measures the heap that they use.
func measureGroup(ctx context.Context, p plan, up *upstream, n int) (sessionGroup, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := sessionGroup{size: n}
	before := heap()
	k, err := newKit(ctx, up.settings)
	if err != nil {
		return g, err
	}
	if err := g.serveAll(ctx, p, up, k); err != nil {
		return g, err
	}
	g.bytes = (heap() - before) / float64(min(n, maxCached))
	g.one = scaling{name: "one of them", handler: k.handler}
	return g, measureScaling(p, up.valid(jwtCookie), up.user.ID, &g.one)
}

// serveAll serves all sessions for the first time.
func (c *sessionGroup) serveAll(ctx context.Context, p plan, up *upstream, k *kit) error {
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

func reportSessions(groups []sessionGroup, r *report) {
	rows := [][]string{{"sessions", "first ns", "again ns", "cookies by net/http ns", "cookies by the codec ns", "again, of net/http", "one session, requests/s", "two cores", "heap/session", "of its JWT"}}
	var coldest, largest float64
	for i, g := range groups {
		row := []string{fmt.Sprint(g.size), fmt.Sprintf("%.0f", g.first), "–", "–", "–", "–"}
		if len(g.page) > 0 {
			coldest = medianRatio(g.page, g.cookies)
			row = append(row[:2], fmt.Sprintf("%.0f", median(g.page)), fmt.Sprintf("%.0f", median(g.cookies)), fmt.Sprintf("%.0f", median(g.codec)), ratio(coldest))
		}
		if i > 0 { // in the smallest group the fixed size of the cache dominates
			largest = max(largest, g.bytes/g.token)
		}
		rows = append(rows, append(row, fmt.Sprintf("%.0f", median(g.one.one)), ratio(g.one.gain()), fmt.Sprintf("%.0f B", g.bytes), ratio(g.bytes/g.token)))
	}
	r.table(fmt.Sprintf("Protected requests of many distinct sessions (EdDSA, JWTs of %.0f B); %d sessions are cached", groups[0].token, maxCached), rows)
	r.atMost("requests of 100,000 sessions in random order, of reading their cookies by net/http", coldest, 2)
	r.atMost("heap per cached session, of its JWT, with 100,000 sessions or more", largest, 1.35)
}
