package verify_test

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// fieldsOf returns the exported fields of a Token, which must not be copied.
func fieldsOf(t *testing.T, v *verify.Verifier, jwt string) (fields map[string]any, err error) {
	t.Helper()
	token, err := v.VerifyNow(t.Context(), jwt)
	if token == nil {
		return nil, err
	}
	return map[string]any{
		"JWT": token.JWT.Reveal(), "UserID": token.UserID, "IssuedAt": token.IssuedAt, "ExpiresAt": token.ExpiresAt,
	}, err
}

func TestVerifyReturnsToken(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, newKeyServer(pair[0]))
			exp := time.Now().Add(time.Hour).Truncate(time.Second)
			jwt := pair[0].jwtOf("user-a", exp)
			want := map[string]any{"JWT": jwt, "UserID": "user-a", "IssuedAt": exp.Add(-time.Hour), "ExpiresAt": exp}
			for _, sight := range []string{"first", "cached"} {
				got, err := fieldsOf(t, v, jwt)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%s: error %v, token (-want +got):\n%s", sight, err, diff)
				}
			}
		})
	}
}

func TestVerifyReturnsZeroIssuedAtWithoutClaim(t *testing.T) {
	pair := algorithms()["EdDSA"]
	d := newTokenBuilder(pair)
	d.claims.drop("iat")
	token, err := newVerifier(t, newKeyServer(pair[0])).VerifyNow(t.Context(), d.token())
	if err != nil || !token.IssuedAt.IsZero() {
		t.Errorf("token %+v, error %v, want a zero IssuedAt", token, err)
	}
}

// The claims that the session package decodes are remembered in the Token.
func TestVerifyReturnsSameTokenWhileCached(t *testing.T) {
	ownKey := newEd25519Key("k1")
	v := newVerifier(t, newKeyServer(ownKey))
	for name, exp := range map[string]time.Time{"valid": farFuture, "expired": time.Now().Add(-time.Second)} {
		jwt := ownKey.jwtOf("user-a", exp)
		first, _ := v.VerifyNow(t.Context(), jwt)
		second, _ := v.VerifyNow(t.Context(), jwt)
		third, _ := v.VerifyReceived(t.Context(), jwt)
		if first == nil || first != second || first != third {
			t.Errorf("%s: tokens %p, %p, %p, want one", name, first, second, third)
		}
	}
}

// The error for an expired token comes with the Token, so that its user is known.
func TestVerifyExpired(t *testing.T) {
	for name, pair := range algorithms() {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, newKeyServer(pair[0]))
			exp := time.Now().Add(-time.Second).Truncate(time.Second)
			jwt := pair[0].jwtOf("user-a", exp)
			for range 2 { // the second time it is cached
				got, err := fieldsOf(t, v, jwt)
				if resultOf(err) != expired {
					t.Fatalf("result = %s (%v), want %s", resultOf(err), err, expired)
				}
				want := map[string]any{"JWT": jwt, "UserID": "user-a", "IssuedAt": exp.Add(-time.Hour), "ExpiresAt": exp}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("token (-want +got):\n%s", diff)
				}
			}
			got, err := v.VerifyNow(t.Context(), pair[1].jwtOf("user-a", exp))
			if resultOf(err) != invalid || got != nil {
				t.Errorf("expired and forged: result = %s, token %v, want %s alone", resultOf(err), got, invalid)
			}
			if v.CachedTokens() != 1 {
				t.Errorf("%d cached tokens, want the correctly signed one", v.CachedTokens())
			}
		})
	}
}

func TestVerifyExpiresAtExp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		v := newVerifier(t, newKeyServer(ownKey))
		wantResult(t, v, ownKey.jwtOf("user-a", time.Now().Add(time.Second)), valid)
		wantResult(t, v, ownKey.jwtOf("user-b", time.Now()), expired) // the first time, and therefore not cached
	})
}

// A token that is not valid yet becomes valid without a new signature check of
// the keys, and is not cached before.
func TestVerifyNotYetValid(t *testing.T) {
	pair := algorithms()["EdDSA"]
	v := newVerifier(t, newKeyServer(pair[0]))
	start := time.Now().Round(0)
	now := start
	v.SetClock(func() time.Time { return now })
	d := newTokenBuilder(pair)
	nbf := start.Add(10 * time.Minute).Truncate(time.Second)
	d.claims.set("nbf", fmt.Sprint(nbf.Unix()))
	jwt := d.token()
	now = nbf.Add(-30*time.Second - 1) // the leeway is 30 s
	for _, verifyToken := range []func() error{
		func() error { _, err := v.VerifyNow(t.Context(), jwt); return err },
		func() error { _, err := v.VerifyReceived(t.Context(), jwt); return err },
		func() error { _, err := v.VerifyWith(must(verify.ParseKeySet(jwks(pair[0]))), jwt); return err },
	} {
		if err := verifyToken(); !errors.Is(err, verify.ErrNotYetValid) {
			t.Errorf("error = %v, want ErrNotYetValid", err)
		}
	}
	if v.CachedTokens() != 0 {
		t.Errorf("%d cached tokens, want none", v.CachedTokens())
	}
	now = nbf.Add(-30 * time.Second)
	wantResult(t, v, jwt, valid)
}

// A token of another project is named as one. If it was received, its signature
// has to be correct first.
func TestVerifyOtherAudience(t *testing.T) {
	pair := algorithms()["EdDSA"]
	foreign := func(change func(*tokenBuilder)) string {
		d := newTokenBuilder(pair)
		d.claims.set("aud", `"proj-2"`)
		change(d)
		return d.token()
	}
	signed := foreign(func(*tokenBuilder) {})
	forged := foreign(func(d *tokenBuilder) { d.sign = d.other.sign })
	tests := []struct {
		name, jwt       string
		down, received  bool
		want            string
		isOtherAudience bool
		fetches         int
	}{
		{name: "presented, signed", jwt: signed, want: invalid, isOtherAudience: true},
		{name: "presented, forged", jwt: forged, want: invalid, isOtherAudience: true},
		{name: "presented, expired", jwt: foreign(func(d *tokenBuilder) { d.claims.set("exp", "1") }), want: invalid, isOtherAudience: true},
		{name: "presented, keys unavailable", jwt: signed, down: true, want: invalid, isOtherAudience: true},
		{name: "received, signed", jwt: signed, received: true, want: invalid, isOtherAudience: true, fetches: 1},
		{name: "received, expired", jwt: foreign(func(d *tokenBuilder) { d.claims.set("exp", "1") }), received: true, want: invalid, isOtherAudience: true, fetches: 1},
		{name: "received, not valid yet", jwt: foreign(func(d *tokenBuilder) { d.claims.set("nbf", seconds(time.Hour)) }), received: true, want: invalid, isOtherAudience: true, fetches: 1},
		{name: "received, forged", jwt: forged, received: true, want: unavailable, fetches: 1}, // a key may have been replaced
		{name: "received, keys unavailable", jwt: signed, received: true, down: true, want: unavailable, fetches: 1},
		{name: "received, without an aud", jwt: foreign(func(d *tokenBuilder) { d.claims.drop("aud") }), received: true, want: invalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys := newKeyServer(pair[0])
			if test.down {
				keys.fail(errors.New("down"))
			}
			v := newVerifier(t, keys)
			verifyToken := v.VerifyNow
			if test.received {
				verifyToken = v.VerifyReceived
			}
			token, err := verifyToken(t.Context(), test.jwt)
			if got := resultOf(err); got != test.want || token != nil || errors.Is(err, verify.ErrOtherAudience) != test.isOtherAudience {
				t.Errorf("result = %s (%v), token %v, want %s, other audience: %v", got, err, token, test.want, test.isOtherAudience)
			}
			if len(keys.fetches()) != test.fetches || v.CachedTokens() != 0 {
				t.Errorf("%d fetches, %d cached tokens, want %d and none", len(keys.fetches()), v.CachedTokens(), test.fetches)
			}
		})
	}
	_, err := newVerifier(t, newKeyServer()).VerifyWith(must(verify.ParseKeySet(jwks(pair[0]))), forged)
	if !errors.Is(err, verify.ErrOtherAudience) {
		t.Errorf("VerifyWith = %v, want ErrOtherAudience", err)
	}
}

// Every ECDSA signature has a second encoding that is valid, too.
func TestVerifyAcceptsBothEncodingsOfES256(t *testing.T) {
	ownKey := algorithms()["ES256"][0]
	v := newVerifier(t, newKeyServer(ownKey))
	jwt := ownKey.jwt()
	wantResult(t, v, jwt, valid)
	wantResult(t, v, secondEncoding(ownKey, jwt), valid)
	if v.CachedTokens() != 2 {
		t.Errorf("%d cached tokens, want 2", v.CachedTokens())
	}
}

// An EdDSA signature has one encoding only.
func TestVerifyRejectsSecondEncodingOfEdDSA(t *testing.T) {
	ownKey := algorithms()["EdDSA"][0]
	v := newVerifier(t, newKeyServer(ownKey))
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	jwt := ownKey.jwt()
	wantResult(t, v, jwt, valid)
	wantResult(t, v, editSignature(func(raw []byte) []byte {
		slices.Reverse(raw[32:]) // s, little-endian
		new(big.Int).Add(new(big.Int).SetBytes(raw[32:]), order).FillBytes(raw[32:])
		slices.Reverse(raw[32:])
		return raw
	})(jwt), invalid)
}

// An empty set of keys verifies no token.
func TestVerifyWithoutKeys(t *testing.T) {
	v := newVerifier(t, newKeyServer())
	_, err := v.VerifyWith(nil, newEd25519Key("k1").jwt())
	if got := resultOf(err); got != invalid {
		t.Errorf("result = %s (%v), want %s", got, err, invalid)
	}
}
