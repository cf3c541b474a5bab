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
	// remembered is how many sessions are remembered at the most.
	remembered = 131_072
	// tokenSize is the length of the JWTs, about.
	tokenSize = 850
	// batch is how many requests exist at a time where not all are kept.
	batch = 10_000
)

// crowd is many sessions and what they have cost. Its JWTs are signed by
// EdDSA: a million RSA signatures would take too long, and what is remembered
// does not depend on the algorithm.
type crowd struct {
	size                 int
	first                float64   // ns per request that nobody has seen
	cookies, codec, page []float64 // ns per visit, of every round
	hot                  scaling   // one session among the others
	bytes, token         float64   // heap per remembered session; its JWT
}

// manySessions looks at numbers of distinct sessions.
func manySessions(ctx context.Context, p plan, _ *upstream, r *report) error {
	up, err := newUpstream("EdDSA")
	if err != nil {
		return err
	}
	defer up.close()
	var crowds []crowd
	for _, n := range p.sessions {
		c, err := gather(ctx, p, up, n)
		if err != nil {
			return fmt.Errorf("%d sessions: %w", n, err)
		}
		crowds = append(crowds, c)
	}
	reportSessions(crowds, r)
	return ctx.Err()
}

// gather lets n sessions come in, visits them again in random order if all
// are remembered, and asks what the memory of them takes.
func gather(ctx context.Context, p plan, up *upstream, n int) (crowd, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := crowd{size: n}
	before := heap()
	k, err := newKit(ctx, up.settings)
	if err != nil {
		return c, err
	}
	if err := c.enter(ctx, p, up, k); err != nil {
		return c, err
	}
	c.bytes = (heap() - before) / float64(min(n, remembered))
	c.hot = scaling{name: "one of them", handler: k.handler}
	return c, hot(p, up.valid(jwtCookie), up.user.ID, &c.hot)
}

// enter serves all sessions for the first time. No request outlives it.
func (c *crowd) enter(ctx context.Context, p plan, up *upstream, k *kit) error {
	step := batch
	if c.size <= remembered {
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
		if err := w.passed(up.user.ID); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.size <= remembered {
			if err := c.visit(p, requests, k, up.user.ID); err != nil {
				return err
			}
		}
		jwt, _ := requests[0].Cookie(jwtCookie)
		c.token = float64(len(jwt.Value))
	}
	c.first = float64(took) / float64(c.size)
	return nil
}

// requests returns requests of so many distinct sessions.
func (u *upstream) requests(from, n int) []*http.Request {
	bare := len(u.Sign(u.user, nil, map[string]any{"picture": ""}))
	picture := strings.Repeat("x", max(0, (tokenSize-bare)*3/4))
	requests := make([]*http.Request, n)
	var all sync.WaitGroup
	signers := runtime.NumCPU()
	for signer := range signers {
		all.Go(func() {
			for i := signer; i < n; i += signers {
				jwt := u.Sign(u.user, nil, map[string]any{"picture": picture})
				requests[i] = newRequest(cookies(jwtCookie, jwt, fmt.Sprintf("%043d", from+i)))
			}
		})
	}
	all.Wait()
	return requests
}

// heap returns the bytes that are in use.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func reportSessions(crowds []crowd, r *report) {
	rows := [][]string{{"sessions", "first ns", "again ns", "cookies alone ns", "codec ns", "beside the cookies", "one session, 1 core/s", "2 cores", "heap/session", "of its JWT"}}
	var coldest, largest float64
	for i, c := range crowds {
		row := []string{fmt.Sprint(c.size), fmt.Sprintf("%.0f", c.first), "–", "–", "–", "–"}
		if len(c.page) > 0 {
			coldest = medianRatio(c.page, c.cookies)
			row = append(row[:2], fmt.Sprintf("%.0f", median(c.page)), fmt.Sprintf("%.0f", median(c.cookies)), fmt.Sprintf("%.0f", median(c.codec)), ratio(coldest))
		}
		if i > 0 { // the first is too small: the table of places counts
			largest = max(largest, c.bytes/c.token)
		}
		rows = append(rows, append(row, fmt.Sprintf("%.0f", median(c.hot.one)), ratio(c.hot.gain()), fmt.Sprintf("%.0f B", c.bytes), ratio(c.bytes/c.token)))
	}
	r.table(fmt.Sprintf("Ours, many distinct sessions (EdDSA, JWTs of %.0f B), of which %d are remembered", crowds[0].token, remembered), rows)
	r.atMost("100,000 sessions in random order, beside reading their cookies by net/http", coldest, 2)
	r.atMost("heap per remembered session, of its JWT, from 100,000 sessions on", largest, 1.35)
}
