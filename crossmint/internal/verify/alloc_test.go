//go:build !race

package verify_test

import (
	"fmt"
	"testing"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// The race detector allocates, so these numbers are for builds without it.

func TestAllocationsWarm(t *testing.T) {
	for name, pair := range algorithms() {
		v, token := newVerifier(t, newSource(pair[0])), pair[0].jwt()
		want(t, v, token, valid)
		if got := testing.AllocsPerRun(1000, func() { _, _ = v.Verify(t.Context(), token) }); got != 0 {
			t.Errorf("%s: %v allocations for a token that is remembered, want none", name, got)
		}
	}
}

func TestAllocationsFirstSight(t *testing.T) {
	const runs = 200
	// Most of it is the check of the signature itself: 9 of those of RS256.
	most := map[string]float64{"RS256": 19, "ES256": 31, "EdDSA": 9}
	for name, pair := range algorithms() {
		v := newVerifier(t, newSource(pair[0]))
		tokens := make([]string, runs+2)
		for i := range tokens {
			tokens[i] = pair[0].jwtOf(fmt.Sprint("user-", i), farAway)
		}
		want(t, v, tokens[runs+1], valid)
		next := 0
		got := testing.AllocsPerRun(runs, func() {
			if _, err := v.Verify(t.Context(), tokens[next]); err != nil {
				t.Error(err)
			}
			next++
		})
		if got > most[name] {
			t.Errorf("%s: %v allocations at first sight, want %v at most", name, got, most[name])
		}
	}
}

// What is too long is refused before anything of it is decoded.
func TestAllocationsHostile(t *testing.T) {
	self := algorithms()["RS256"][0]
	v := newVerifier(t, newSource(self))
	set := must(verify.ParseKeySet(publish(self)))
	for name, token := range hostileTokens(self) {
		got := testing.AllocsPerRun(100, func() { _, _ = v.Verify(t.Context(), token) })
		with := testing.AllocsPerRun(100, func() { _, _ = v.VerifyWith(set, token) })
		if len(token) > 8<<10 && got+with != 0 || got+with > 20 {
			t.Errorf("%s: %v and %v allocations, want few, and none beyond 8 KiB", name, got, with)
		}
	}
}
