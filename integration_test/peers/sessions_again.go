package main

import (
	"net/http"
	"runtime"
	"time"

	"github.com/crossmint-go/auth/cookie"
)

// serveAgain takes all requests in random order, so that none is in a cache of the
// processor. It measures reading their cookies by net/http and by the codec of this
// module, and the protected page.
func (c *sessionGroup) serveAgain(p plan, requests []*http.Request, k *kit, userID string) error {
	order := shuffled(len(requests))
	w := newWriter()
	var presented *cookie.Presented
	found := 0
	for range p.rounds {
		c.cookies = append(c.cookies, each(order, requests, func(r *http.Request) {
			jwt, err := r.Cookie(jwtCookie)
			refresh, refreshErr := r.Cookie(refreshCookie)
			if err == nil && refreshErr == nil && jwt.Value != refresh.Value {
				found++
			}
		}))
		c.codec = append(c.codec, each(order, requests, func(r *http.Request) { presented = k.cookies.Read(r) }))
		c.page = append(c.page, each(order, requests, func(r *http.Request) { w.serve(k.handler, r) }))
		if err := w.verify(userID); err != nil {
			return err
		}
	}
	runtime.KeepAlive(presented)
	return check(found == p.rounds*len(requests), "net/http found %d cookies", found)
}

// each returns the nanoseconds that f takes for a request.
func each(order []int, requests []*http.Request, f func(*http.Request)) float64 {
	runtime.GC()
	started := time.Now()
	for _, i := range order {
		f(requests[i])
	}
	return float64(time.Since(started)) / float64(len(order))
}
