package verify_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// denyAt has a token denied by one verifier, and returns what others learn.
func denyAt(t *testing.T, v *verify.Verifier, token string) (digest verify.Digest, until time.Time) {
	t.Helper()
	digest, until, ok := v.Deny(t.Context(), token)
	if !ok {
		t.Fatal("there is nothing to tell others")
	}
	return digest, until
}

func TestDenyDigest(t *testing.T) {
	for name, pair := range algorithms() {
		for _, remembered := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/remembered %v", name, remembered), func(t *testing.T) {
				keys := newSource(pair[0])
				here, there := newVerifier(t, keys), newVerifier(t, keys)
				token := pair[0].jwt()
				another := pair[0].jwtOf("user-a", time.Now().Add(2*time.Hour))
				if remembered {
					want(t, there, token, valid)
					want(t, there, another, valid)
				}
				there.DenyDigest(denyAt(t, here, token))
				wantDenied(t, there, token)
				wantDenied(t, there, token)
				want(t, there, another, valid)
			})
		}
	}
}

func TestDenyDigestHoldsForEverySpelling(t *testing.T) {
	self := algorithms()["ES256"][0]
	keys := newSource(self)
	here, there := newVerifier(t, keys), newVerifier(t, keys)
	token := self.jwt()
	other := malleate(self, token)
	want(t, there, token, valid)
	want(t, there, other, valid)
	there.DenyDigest(denyAt(t, here, other))
	wantDenied(t, there, token)
	wantDenied(t, there, other)
}

// Only what is certainly upstream's is told to others.
func TestDenyTellsNothingMadeUp(t *testing.T) {
	pair := algorithms()["EdDSA"]
	v := newVerifier(t, newSource(pair[0]))
	good := pair[0].jwt()
	denyAt(t, v, good)
	for name, token := range map[string]string{
		"forged":        pair[1].jwt(),
		"expired":       pair[0].jwtOf("user-a", time.Now().Add(-time.Second)),
		"no token":      "a.b.c",
		"of no key":     edSigner("unknown").jwt(),
		"denied before": good,
	} {
		if _, _, ok := v.Deny(t.Context(), token); ok {
			t.Errorf("%s: there is something to tell others", name)
		}
	}
}

func TestDenyDigestOfWhatIsOver(t *testing.T) {
	v := newVerifier(t, newSource())
	v.DenyDigest(verify.Digest{1}, time.Now())
	if v.Denied() != 0 {
		t.Error("a token that is over takes room")
	}
}

// What others deny shares the bound of what is denied here.
func TestDenyDigestIsBounded(t *testing.T) {
	v := newVerifier(t, newSource())
	for i := range verify.MaxDenied + 1000 {
		v.DenyDigest(verify.Digest{byte(i), byte(i >> 8), byte(i >> 16)}, farAway)
	}
	if v.Denied() != verify.MaxDenied {
		t.Errorf("%d tokens denied, want %d", v.Denied(), verify.MaxDenied)
	}
}

// Once DenyDigest has returned, no Verify says valid, however many were under
// way.
func TestDenyDigestRacesVerify(t *testing.T) {
	self := edSigner("k1")
	keys := newSource(self)
	here, there := newVerifier(t, keys), newVerifier(t, keys)
	for i := range 100 {
		token := self.jwtOf(fmt.Sprint("user-", i), time.Now().Add(time.Hour))
		digest, until := denyAt(t, here, token)
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
					_, _, err := there.Verify(t.Context(), token, false)
					if done && err == nil {
						t.Errorf("valid after DenyDigest")
					}
				}
			})
		}
		close(start)
		there.DenyDigest(digest, until)
		close(denied)
		wg.Wait()
		wantDenied(t, there, token)
	}
}
