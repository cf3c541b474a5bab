package verify_test

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// wantDenied checks that the token is refused since its user logged out.
func wantDenied(t *testing.T, v *verify.Verifier, token string) {
	t.Helper()
	_, _, err := v.Verify(t.Context(), token, false)
	if verdict(err) != invalid || !strings.Contains(err.Error(), "logged out") {
		t.Fatalf("verdict = %s (%v), want %s, logged out", verdict(err), err, invalid)
	}
}

func TestDeny(t *testing.T) {
	for name, pair := range algorithms() {
		for _, remembered := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/remembered %v", name, remembered), func(t *testing.T) {
				v := newVerifier(t, newSource(pair[0]))
				token := pair[0].jwt()
				another := pair[0].jwtOf("user-a", time.Now().Add(2*time.Hour))
				if remembered {
					want(t, v, token, valid)
				}
				v.Deny(t.Context(), token)
				wantDenied(t, v, token)
				wantDenied(t, v, token)
				want(t, v, another, valid)
				if v.Remembered() != 1 {
					t.Errorf("%d tokens remembered, want the other one", v.Remembered())
				}
			})
		}
	}
}

// malleate writes an ECDSA signature as the other one that fits: s as n - s.
func malleate(self signer, token string) string {
	n := self.private.Public().(*ecdsa.PublicKey).Params().N
	return respell(func(raw []byte) []byte {
		r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
		return rawECDSA(r, s.Sub(n, s))
	})(token)
}

// Whoever holds an ECDSA token can write it a second way.
func TestDenyHoldsForEverySpelling(t *testing.T) {
	self := algorithms()["ES256"][0]
	for _, order := range []string{"the first denied", "the second denied"} {
		t.Run(order, func(t *testing.T) {
			v := newVerifier(t, newSource(self))
			spellings := []string{self.jwt()}
			spellings = append(spellings, malleate(self, spellings[0]))
			for _, token := range spellings {
				want(t, v, token, valid) // else there would be nothing to deny
			}
			if v.Remembered() != 2 {
				t.Fatalf("%d spellings remembered, want 2", v.Remembered())
			}
			if order == "the second denied" {
				slices.Reverse(spellings)
			}
			v.Deny(t.Context(), spellings[0])
			for _, token := range spellings {
				wantDenied(t, v, token)
			}
			if v.Remembered() != 0 {
				t.Errorf("%d spellings remembered, want none", v.Remembered())
			}
		})
	}
}

// The other algorithms have one spelling only.
func TestEdDSAHasOneSpelling(t *testing.T) {
	self := algorithms()["EdDSA"][0]
	v := newVerifier(t, newSource(self))
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	token := self.jwt()
	want(t, v, token, valid)
	want(t, v, respell(func(raw []byte) []byte {
		slices.Reverse(raw[32:]) // s, little-endian
		new(big.Int).Add(new(big.Int).SetBytes(raw[32:]), order).FillBytes(raw[32:])
		slices.Reverse(raw[32:])
		return raw
	})(token), invalid)
}

func TestDenyRemembersNothingUseless(t *testing.T) {
	pair := algorithms()["EdDSA"]
	v := newVerifier(t, newSource(pair[0]))
	for name, token := range map[string]string{
		"forged":   pair[1].jwt(),
		"expired":  pair[0].jwtOf("user-a", time.Now().Add(-time.Second)),
		"no token": "a.b.c",
		"too long": strings.Repeat("A", 1<<20),
	} {
		v.Deny(t.Context(), token)
		if v.Denied()+v.Suspended() != 0 {
			t.Errorf("%s: %d tokens denied, %d suspended, want none", name, v.Denied(), v.Suspended())
		}
	}
	v.Deny(t.Context(), pair[0].jwt())
	if v.Denied() != 1 {
		t.Errorf("%d tokens denied, want 1", v.Denied())
	}
}

// Tokens that name keys nobody knows crowd out none that are good.
func TestDenyKeepsMadeUpTokensApart(t *testing.T) {
	self := edSigner("k1")
	v := newVerifier(t, newSource(self))
	good := self.jwt()
	v.Deny(t.Context(), good)
	for i := range 100 {
		v.Deny(t.Context(), edSigner(fmt.Sprint("made-up-", i)).jwt())
	}
	if v.Denied() != 1 || v.Suspended() != 100 {
		t.Errorf("%d tokens denied, %d suspended, want 1 and 100", v.Denied(), v.Suspended())
	}
	wantDenied(t, v, good)
}

// A logout that comes before the key does holds all the same.
func TestDenyBeforeTheKeyIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := edSigner("k1"), edSigner("k2")
		keys := newSource(before)
		v := newVerifier(t, keys)
		token := after.jwt()
		want(t, v, token, invalid)
		v.Deny(t.Context(), token)
		keys.serve(publish(before, after))
		time.Sleep(31 * time.Second)
		wantDenied(t, v, token)
	})
}

// A logout while the keys are out of reach holds once they are back.
func TestDenyWithoutKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		keys.fail(errors.New("down"))
		v := newVerifier(t, keys)
		token := self.jwt()
		v.Deny(t.Context(), token)
		want(t, v, token, cannotTell)
		keys.serve(publish(self))
		time.Sleep(5 * time.Second)
		wantDenied(t, v, token)
	})
}

// A spelling that is remembered falls with another one that no key could judge
// when it was denied.
func TestDenyWithoutKeysHoldsForEverySpelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := algorithms()["ES256"][0]
		keys := newSource(self)
		config := configOf(keys)
		v := newVerifierWith(t, config)
		token := self.jwtOf("user-a", time.Now().Add(2*config.MaxAge))
		want(t, v, token, valid) // fetches the keys
		keys.fail(errors.New("down"))
		time.Sleep(config.MaxAge - 10*time.Second)
		want(t, v, token, valid) // remembered from now on
		time.Sleep(10 * time.Second)
		other := malleate(self, token)
		want(t, v, other, cannotTell)
		v.Deny(t.Context(), other)
		keys.serve(publish(self))
		time.Sleep(10 * time.Second)
		wantDenied(t, v, other) // fetches the keys
		wantDenied(t, v, token)
	})
}

// Of a denial the other tokens notice nothing.
func TestDenyForgetsNoOther(t *testing.T) {
	self := edSigner("k1")
	v := newVerifier(t, newSource(self))
	token, other := self.jwt(), self.jwtOf("user-b", time.Now().Add(time.Hour))
	want(t, v, token, valid)
	want(t, v, other, valid)
	v.BreakSignatures()
	v.Deny(t.Context(), other)
	want(t, v, token, valid)
}

// Once Deny has returned, no Verify says valid, however many were under way.
func TestDenyRacesVerify(t *testing.T) {
	self := edSigner("k1")
	v := newVerifier(t, newSource(self))
	for i := range 100 {
		token := self.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour))
		start, denied := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				<-start
				for done := false; !done; {
					select {
					case <-denied:
						done = true // one more try follows
					default:
					}
					_, _, err := v.Verify(t.Context(), token, false)
					if done && err == nil {
						t.Errorf("valid after Deny")
					}
				}
			})
		}
		close(start)
		v.Deny(t.Context(), token)
		close(denied)
		wg.Wait()
		wantDenied(t, v, token)
	}
	if v.Remembered() != 0 {
		t.Errorf("%d denied tokens remembered", v.Remembered())
	}
}

// The list is bounded; what is over makes room first, what ends late stays.
func TestDenyListIsBounded(t *testing.T) {
	v := newVerifier(t, newSource())
	now := time.Now().Unix()
	for i := range verify.MaxDenied {
		v.DenySigned(fmt.Sprint("over-", i), now-1)
	}
	v.DenySigned("late", now+7200)
	for i := range verify.MaxDenied / 2 {
		v.DenySigned(fmt.Sprint("live-", i), now+3600)
	}
	if !v.DeniesSigned("late") || !v.DeniesSigned("live-0") {
		t.Error("a denied token was forgotten while others were over")
	}
	for i := range 2 * verify.MaxDenied {
		v.DenySigned(fmt.Sprint("more-", i), now+3600)
		if v.Denied() > verify.MaxDenied {
			t.Fatalf("%d tokens denied, want %d at most", v.Denied(), verify.MaxDenied)
		}
	}
	if !v.DeniesSigned("late") {
		t.Error("of many the one that ends last was forgotten")
	}
}
