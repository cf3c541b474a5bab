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

	"github.com/crossmint-go/auth/crossmint/internal/verify"
	"github.com/google/go-cmp/cmp"
)

// For a minute a token costs one signature check.
func TestCacheKeepsTokensForAMinute(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVerifier(t, newKeyServer(pair[0]))
				time.Sleep(40 * time.Second) // the minute begins with the check
				token := pair[0].jwt()
				first, err := fieldsOf(t, v, token)
				if err != nil {
					t.Fatal(err)
				}
				v.BreakSignatures()
				wantResult(t, v, token, valid)

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

// A token that is verified again after its minute takes the place of its old entry.
func TestCacheReplacesOldEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		v := newVerifier(t, newKeyServer(ownKey))
		token := ownKey.jwt()
		for range 5 {
			wantResult(t, v, token, valid)
			time.Sleep(time.Minute)
		}
		if got := v.CachedTokens(); got != 1 {
			t.Errorf("%d cached tokens, want 1", got)
		}
	})
}

// The cache is bounded. It makes room for a few tokens at once, which are verified
// again.
func TestCacheIsBounded(t *testing.T) {
	const limit = 64
	ownKey := newEd25519Key("k1")
	v := newVerifier(t, newKeyServer(ownKey))
	v.SetCacheLimit(limit)
	tokens := make([]string, 10*limit)
	for i := range tokens {
		tokens[i] = ownKey.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour))
		wantResult(t, v, tokens[i], valid)
		if got := v.CachedTokens(); got > limit {
			t.Fatalf("%d cached tokens, want %d at most", got, limit)
		}
	}
	if got := v.CachedTokens(); got < limit/2 {
		t.Errorf("%d cached tokens, want %d at least", got, limit/2)
	}
	if got := foundTokens(t, v, tokens); got != v.CachedTokens() {
		t.Errorf("%d tokens found, want all %d that are cached", got, v.CachedTokens())
	}
}

// foundTokens counts the tokens that the cache holds. No other token is valid for v
// afterwards.
func foundTokens(t *testing.T, v *verify.Verifier, tokens []string) (found int) {
	t.Helper()
	v.BreakSignatures()
	for _, token := range tokens {
		if _, err := v.VerifyNow(t.Context(), token); err == nil {
			found++
		}
	}
	return found
}

// If a bucket overflows, the token that was verified first makes room.
func TestCacheReplacesOldestEntry(t *testing.T) {
	verified := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11} // a bucket has eight slots
	if diff := cmp.Diff(verified[3:], verify.BucketAfter(verified)); diff != "" {
		t.Errorf("times of verification (-want +got):\n%s", diff)
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
	if found := foundTokens(t, v, tokens); found < users*98/100 {
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
