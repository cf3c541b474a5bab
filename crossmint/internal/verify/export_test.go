package verify

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/lestrrat-go/jwx/v2/jws"
)

// SetClock replaces v's clock. Call it before v is used.
func (v *Verifier) SetClock(now func() time.Time) { v.now = now }

// Remembered returns how many tokens the cache holds.
func (v *Verifier) Remembered() int {
	v.cache.mu.Lock()
	defer v.cache.mu.Unlock()
	return v.cache.entries
}

// Denied returns how many tokens the deny list holds.
func (v *Verifier) Denied() int { return int(v.denied.count.Load()) }

// Suspended returns how many tokens are denied that no key could judge.
func (v *Verifier) Suspended() int { return int(v.suspended.count.Load()) }

// DenySigned puts a signed part into the deny list unseen.
func (v *Verifier) DenySigned(signed string, exp int64) { v.denied.add(digestOf(signed), exp, v.now()) }

// DeniesSigned reports whether a signed part is in the deny list.
func (v *Verifier) DeniesSigned(signed string) bool { return v.denied.holds(signed) }

// The deny list's bound.
const MaxDenied = maxDenied

// NewKids returns how many kids of upstream's answers are remembered.
func (v *Verifier) NewKids() int {
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	return len(v.keys.newKids)
}

// BreakSignatures makes every signature check by the keys in use fail: what
// is accepted afterwards was not checked.
func (v *Verifier) BreakSignatures() {
	for _, k := range v.keys.current.Load().set.keys {
		k.verifier = brokenVerifier{}
	}
}

type brokenVerifier struct{ jws.Verifier }

func (brokenVerifier) Verify([]byte, []byte, any) error { return errors.New("broken by the test") }

// PublicKeys returns the keys that were kept.
func (s *KeySet) PublicKeys() []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, k := range s.keys {
		keys = append(keys, k.public)
	}
	return keys
}

// Gate reports whether the gate takes the token.
func Gate(token, audience string) bool {
	_, err := gate(token, audience)
	return err == nil
}

// FindsWhatWasFetchedSince reports whether a reader that saw no keys finds those
// of a fetch that has ended since, while it is too early for another.
func (v *Verifier) FindsWhatWasFetchedSince(ctx context.Context) bool {
	d, err := v.keys.renew(ctx, nil, true)
	return d != nil && err == nil
}
