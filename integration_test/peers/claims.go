package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// roles is the claim that the handlers of claimReads read.
type roles struct {
	Role string `json:"role"`
}

func (c roles) isAdmin() bool { return c.Role == adminRole }

// claimReads compares handlers that read the user ID, the times of the JWT and a
// role with the handler that reads the user ID alone.
func claimReads(ctx context.Context, p plan, up *upstream, r *report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k, err := newKit(ctx, up.settings)
	if err != nil {
		return err
	}
	request := newRequest(up.valid(jwtCookie))
	var slots []slot
	for _, h := range []struct {
		name    string
		handler http.Handler
	}{
		{"user ID", http.HandlerFunc(writeUserID)},
		{"user ID, times, role by session.Claims", http.HandlerFunc(writeAdminID)},
		{"user ID, times, role by middleware.RequireClaim", middleware.RequireClaim(roles.isAdmin)(http.HandlerFunc(writeIDWithTimes))},
	} {
		slots = append(slots, newSlot(h.name, ours, p.fast, k.protect(h.handler), request, up.user.ID))
	}
	if err := measureRounds(ctx, p, slots); err != nil {
		return err
	}
	reportClaimReads(slots, p, r)
	return nil
}

// writeAdminID writes the user ID if the role fits.
func writeAdminID(w http.ResponseWriter, r *http.Request) {
	claims, err := session.Claims[roles](r.Context())
	if err != nil || !claims.isAdmin() {
		reject(w)
		return
	}
	writeIDWithTimes(w, r)
}

// writeIDWithTimes writes the user ID if the session has both times.
func writeIDWithTimes(w http.ResponseWriter, r *http.Request) {
	s, ok := session.FromContext(r.Context())
	if !ok || !s.IssuedAt.Before(s.ExpiresAt) || s.IssuedAt.IsZero() {
		reject(w)
		return
	}
	page(w, r, s.UserID)
}

func reportClaimReads(slots []slot, p plan, r *report) {
	rows := [][]string{{"the handler reads", "ns", "allocs", "bytes", "of the user ID alone"}}
	var slowest, allocs, bytes float64
	for i, s := range slots {
		relative := timeRatio(s.samples, slots[0].samples)
		rows = append(rows, append([]string{s.name}, costs(s.samples, ratio(relative))...))
		if i > 0 {
			slowest, allocs, bytes = max(slowest, relative), max(allocs, wholeAllocs(s.samples)), max(bytes, wholeBytes(s.samples))
		}
	}
	r.table(fmt.Sprintf("A protected request whose handler reads claims, called directly: medians of %d rounds", p.rounds), rows)
	r.atMost("a request whose handler reads the times and a role, of one that reads the user ID alone", slowest, 1.25)
	r.atMost("allocations of a request whose handler reads the times and a role", allocs, 4)
	r.atMost("bytes allocated by a request whose handler reads the times and a role", bytes, 640)
}
