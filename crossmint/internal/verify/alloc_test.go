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
		v, token := newVerifier(t, newKeyServer(pair[0])), pair[0].jwt()
		wantResult(t, v, token, valid)
		if got := testing.AllocsPerRun(1000, func() { _, _ = v.VerifyNow(t.Context(), token) }); got != 0 {
			t.Errorf("%s: %v allocations for a cached token, want none", name, got)
		}
	}
}

func TestAllocationsFirstSight(t *testing.T) {
	const runs = 200
	// Most of them are of the signature check itself: 9 for RS256.
	most := map[string]float64{"RS256": 19, "ES256": 31, "EdDSA": 9}
	for name, pair := range algorithms() {
		v := newVerifier(t, newKeyServer(pair[0]))
		tokens := make([]string, runs+2)
		for i := range tokens {
			tokens[i] = pair[0].jwtOf(fmt.Sprint("user-", i), farFuture)
		}
		wantResult(t, v, tokens[runs+1], valid)
		next := 0
		got := testing.AllocsPerRun(runs, func() {
			if _, err := v.VerifyNow(t.Context(), tokens[next]); err != nil {
				t.Error(err)
			}
			next++
		})
		if got > most[name] {
			t.Errorf("%s: %v allocations at first sight, want %v at most", name, got, most[name])
		}
	}
}

// The verifier rejects oversize tokens before it decodes them.
func TestAllocationsHostile(t *testing.T) {
	ownKey := algorithms()["RS256"][0]
	v := newVerifier(t, newKeyServer(ownKey))
	set := must(verify.ParseKeySet(jwks(ownKey)))
	for name, token := range hostileTokens(ownKey) {
		got := testing.AllocsPerRun(100, func() { _, _ = v.VerifyNow(t.Context(), token) })
		with := testing.AllocsPerRun(100, func() { _, _ = v.VerifyWith(set, token) })
		if len(token) > 8<<10 && got+with != 0 || got+with > 20 {
			t.Errorf("%s: %v and %v allocations, want few, and none beyond 8 KiB", name, got, with)
		}
	}
}
