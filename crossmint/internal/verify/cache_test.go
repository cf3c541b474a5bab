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

// For a minute a token costs one signature check.
func TestCacheKeepsTokensForAMinute(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVerifier(t, newKeyServer(pair[0]))
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
				time.Sleep(time.Nanosecond) // hits do not prolong the minute
				wantResult(t, v, token, invalid)
			})
		})
	}
}

func TestCacheChecksExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		v := newVerifier(t, newKeyServer(ownKey))
		token := ownKey.jwtOf("user-a", time.Now().Add(30*time.Second))
		wantResult(t, v, token, valid)
		time.Sleep(30*time.Second - time.Nanosecond)
		wantResult(t, v, token, valid)
		time.Sleep(time.Nanosecond)
		wantResult(t, v, token, expired)
	})
}

// Only the whole token is a hit, byte for byte.
func TestCacheComparesWholeTokens(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, newKeyServer(pair[0]))
			token := newTokenBuilder(pair).token()
			wantResult(t, v, token, valid)
			for at := range len(token) {
				changed := token[:at] + string('A'+(token[at]-'A'+1)%26) + token[at+1:]
				if _, err := v.VerifyNow(t.Context(), changed); err == nil {
					t.Fatalf("valid with another byte %d", at)
				}
			}
			wantResult(t, v, token+" ", invalid)
			wantResult(t, v, token, valid)
			if v.CachedTokens() != 1 {
				t.Errorf("%d cached tokens, want 1", v.CachedTokens())
			}
		})
	}
}

// The cache is bounded. An evicted token is verified again.
func TestCacheIsBounded(t *testing.T) {
	const limit = 64
	ownKey := newEd25519Key("k1")
	v := newVerifier(t, newKeyServer(ownKey))
	v.SetCacheLimit(limit)
	for i := range 10 * limit {
		wantResult(t, v, ownKey.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour)), valid)
		if got := v.CachedTokens(); got > limit {
			t.Fatalf("%d cached tokens, want %d at most", got, limit)
		}
	}
	if v.CachedTokens() == 0 {
		t.Error("the cache is empty")
	}
}

// The table grows with the entries. If a bucket overflows, its oldest token is
// verified once more.
func TestCacheGrows(t *testing.T) {
	ownKey := newEd25519Key("k1")
	v := newVerifier(t, newKeyServer(ownKey))
	const users = 2000
	tokens := make([]string, users)
	for i := range tokens {
		tokens[i] = ownKey.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour))
		wantResult(t, v, tokens[i], valid)
	}
	if got := v.CachedTokens(); got < users*98/100 {
		t.Fatalf("%d of %d cached tokens", got, users)
	}
	v.BreakSignatures()
	found := 0
	for _, token := range tokens {
		if _, err := v.VerifyNow(t.Context(), token); err == nil {
			found++
		}
	}
	if found < users*98/100 {
		t.Errorf("%d of %d tokens found", found, users)
	}
}

// A token is a part of a Cookie header of any size. The cache must not keep the
// header in memory.
func TestCacheCopiesTokens(t *testing.T) {
	const tokens, header = 64, 1 << 20
	ownKey := newEd25519Key("k1")
	v := newVerifier(t, newKeyServer(ownKey))
	wantResult(t, v, ownKey.jwt(), valid)
	before := heap()
	for i := range tokens {
		token := ownKey.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour))
		line := token + strings.Repeat("x", header)
		wantResult(t, v, line[:len(token)], valid)
	}
	if grown := heap() - before; grown > tokens*header/4 {
		t.Errorf("%d cached tokens hold %d bytes", tokens, grown)
	}
	wantResult(t, v, ownKey.jwt(), valid) // keeps v in use
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestCacheIgnoresForgedTokens(t *testing.T) {
	pair := algorithms()["EdDSA"]
	v := newVerifier(t, newKeyServer(pair[0]))
	for i := range 100 {
		wantResult(t, v, pair[1].jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour)), invalid)
	}
	if v.CachedTokens() != 0 {
		t.Errorf("%d cached tokens, want none", v.CachedTokens())
	}
}

// Tokens of equal length are spread over the buckets, for every length: a hash of
// fixed positions could cover only equal bytes.
func TestCacheSpreadsTokensOfEqualLength(t *testing.T) {
	const users = 64
	ownKey := newEd25519Key("k1")
	for length := 250; length <= 262; length++ {
		if length%4 == 1 {
			continue // base64 has no such length
		}
		v := newVerifier(t, newKeyServer(ownKey))
		for i := range users {
			wantResult(t, v, ownKey.token(headerOf(ownKey).String(), claimsOfLength(t, i, length)), valid)
		}
		if got := v.CachedTokens(); got != users {
			t.Errorf("payloads of %d characters: %d of %d cached tokens", length, got, users)
		}
	}
}

// claimsOfLength pads the claims of a user to a payload of that length.
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

// A change of the clock invalidates no token that has not expired.
func TestCacheSurvivesClockSteps(t *testing.T) {
	ownKey := newEd25519Key("k1")
	start := time.Now().Round(0)
	now := start
	v := newVerifier(t, newKeyServer(ownKey))
	v.SetClock(func() time.Time { return now })
	token := ownKey.jwtOf("user-a", start.Add(time.Hour))
	short := ownKey.jwtOf("user-b", start.Add(5*time.Minute))
	wantResult(t, v, token, valid)
	wantResult(t, v, short, valid)
	for range 100 {
		now = start.Add(time.Duration(rand.IntN(1200)-600) * time.Second)
		wantResult(t, v, token, valid)
		if now.Before(start.Add(5 * time.Minute)) {
			wantResult(t, v, short, valid)
		} else {
			wantResult(t, v, short, expired)
		}
	}
}
