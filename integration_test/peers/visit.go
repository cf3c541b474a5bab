package main

import (
	"net/http"
	"runtime"
	"time"

	"github.com/crossmint-go/auth/session"
)

// visit reads all requests in random order, so that none is in a cache: their
// cookies alone by net/http, by this module's codec, and the protected page.
func (c *crowd) visit(p plan, requests []*http.Request, k *kit, userID string) error {
	order := shuffled(len(requests))
	w := newWriter()
	var material session.Material
	found := 0
	for range p.rounds {
		c.cookies = append(c.cookies, each(order, requests, func(r *http.Request) {
			jwt, err := r.Cookie(jwtCookie)
			refresh, fault := r.Cookie(refreshCookie)
			if err == nil && fault == nil && jwt.Value != refresh.Value {
				found++
			}
		}))
		c.codec = append(c.codec, each(order, requests, func(r *http.Request) { material = k.cookies.Read(r) }))
		c.page = append(c.page, each(order, requests, func(r *http.Request) { w.serve(k.handler, r) }))
		if err := w.passed(userID); err != nil {
			return err
		}
	}
	runtime.KeepAlive(material)
	return check(found == p.rounds*len(requests), "net/http found %d cookies", found)
}

// each returns the nanoseconds that look takes for a request.
func each(order []int, requests []*http.Request, look func(*http.Request)) float64 {
	runtime.GC()
	started := time.Now()
	for _, i := range order {
		look(requests[i])
	}
	return float64(time.Since(started)) / float64(len(order))
}
