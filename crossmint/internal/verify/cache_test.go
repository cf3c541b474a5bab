package verify_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A token seen twice costs one signature check, for a minute.
func TestCacheRemembersForAMinute(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVerifier(t, newSource(pair[0]))
				token := pair[0].jwt()
				first, err := fieldsOf(t, v, token)
				if err != nil {
					t.Fatal(err)
				}
				v.BreakSignatures()

				time.Sleep(time.Minute - time.Nanosecond)
				second, err := fieldsOf(t, v, token)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(first, second); diff != "" {
					t.Errorf("token (-first +second):\n%s", diff)
				}
				time.Sleep(time.Nanosecond) // no sliding: the minute began with the check
				want(t, v, token, invalid)
			})
		})
	}
}

func TestCacheForgetsAtExp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		v := newVerifier(t, newSource(self))
		token := self.jwtOf("user-a", time.Now().Add(30*time.Second))
		want(t, v, token, valid)
		time.Sleep(30*time.Second - time.Nanosecond)
		want(t, v, token, valid)
		time.Sleep(time.Nanosecond)
		want(t, v, token, expired)
	})
}

// Only the whole token is a hit, byte for byte.
func TestCacheComparesWhole(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, newSource(pair[0]))
			token := newDraft(pair).token()
			want(t, v, token, valid)
			for at := range len(token) {
				changed := token[:at] + string('A'+(token[at]-'A'+1)%26) + token[at+1:]
				if _, err := v.Verify(t.Context(), changed); err == nil {
					t.Fatalf("valid with another byte %d", at)
				}
			}
			want(t, v, token+" ", invalid)
			want(t, v, token, valid)
			if v.CachedTokens() != 1 {
				t.Errorf("%d tokens remembered, want 1", v.CachedTokens())
			}
		})
	}
}

// What is remembered is bounded, and forgetting costs nothing but a check.
func TestCacheIsBounded(t *testing.T) {
	const limit = 64
	self := edSigner("k1")
	config := configOf(newSource(self))
	config.CacheEntries = limit
	v := newVerifierWith(t, config)
	for i := range 10 * limit {
		want(t, v, self.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour)), valid)
		if got := v.CachedTokens(); got > limit {
			t.Fatalf("%d tokens remembered, want %d at most", got, limit)
		}
	}
	if v.CachedTokens() == 0 {
		t.Error("nothing is remembered")
	}
}

// The table grows with what is remembered. Here and there a group overflows,
// and then its oldest token is verified once more.
func TestCacheGrows(t *testing.T) {
	self := edSigner("k1")
	v := newVerifier(t, newSource(self))
	const users = 2000
	tokens := make([]string, users)
	for i := range tokens {
		tokens[i] = self.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour))
		want(t, v, tokens[i], valid)
	}
	if got := v.CachedTokens(); got < users*98/100 {
		t.Fatalf("%d of %d tokens remembered", got, users)
	}
	v.BreakSignatures()
	found := 0
	for _, token := range tokens {
		if _, err := v.Verify(t.Context(), token); err == nil {
			found++
		}
	}
	if found < users*98/100 {
		t.Errorf("%d of %d tokens found", found, users)
	}
}

// A token is a part of a Cookie header of any size; what is remembered must not
// keep that alive.
func TestCacheKeepsNoHeaderAlive(t *testing.T) {
	const tokens, header = 64, 1 << 20
	self := edSigner("k1")
	v := newVerifier(t, newSource(self))
	want(t, v, self.jwt(), valid)
	before := heap()
	for i := range tokens {
		token := self.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour))
		line := token + strings.Repeat("x", header)
		want(t, v, line[:len(token)], valid)
	}
	if grown := heap() - before; grown > tokens*header/4 {
		t.Errorf("%d remembered tokens hold %d bytes", tokens, grown)
	}
	want(t, v, self.jwt(), valid) // v is still in use
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestCacheRemembersNothingFalse(t *testing.T) {
	pair := algorithms()["EdDSA"]
	v := newVerifier(t, newSource(pair[0]))
	for i := range 100 {
		want(t, v, pair[1].jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour)), invalid)
	}
	if v.CachedTokens() != 0 {
		t.Errorf("%d tokens remembered, want none", v.CachedTokens())
	}
}

// Tokens of one length are spread over the cache, whatever that length is:
// the first dot of some lies where the last one of others does.
func TestCacheSpreadsEveryLength(t *testing.T) {
	const users = 64
	self := edSigner("k1")
	for length := 250; length <= 262; length++ {
		if length%4 == 1 {
			continue // no base64 text is that long
		}
		v := newVerifier(t, newSource(self))
		for i := range users {
			want(t, v, self.token(headerOf(self).String(), claimsOfLength(t, i, length)), valid)
		}
		if got := v.CachedTokens(); got != users {
			t.Errorf("payloads of %d characters: %d of %d tokens remembered", length, got, users)
		}
	}
}

// claimsOfLength pads the claims of some user to a payload of that length.
func claimsOfLength(t *testing.T, user, length int) string {
	t.Helper()
	claims := claimsOf(fmt.Sprintf("user-%04d", user), time.Now().Add(time.Hour))
	claims.add("pad", `""`)
	missing := base64.RawURLEncoding.DecodedLen(length) - len(claims.String())
	claims.set("pad", quote(strings.Repeat("p", missing)))
	if got := len(b64([]byte(claims.String()))); got != length {
		t.Fatalf("payload of %d characters, want %d", got, length)
	}
	return claims.String()
}

// A clock that is set back or forth loses no session that is still good.
func TestClockSteps(t *testing.T) {
	self := edSigner("k1")
	start := time.Now().Round(0)
	now := start
	v := newVerifier(t, newSource(self))
	v.SetClock(func() time.Time { return now })
	token := self.jwtOf("user-a", start.Add(time.Hour))
	short := self.jwtOf("user-b", start.Add(5*time.Minute))
	want(t, v, token, valid)
	want(t, v, short, valid)
	for range 100 {
		now = start.Add(time.Duration(rand.IntN(1200)-600) * time.Second)
		want(t, v, token, valid)
		if now.Before(start.Add(5 * time.Minute)) {
			want(t, v, short, valid)
		} else {
			want(t, v, short, expired)
		}
	}
}
