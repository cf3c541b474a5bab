package verify

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// SetClock replaces the clock of v. Call it before v is used.
func (v *Verifier) SetClock(now func() time.Time) { v.keys.now = now }

// VerifyNow is Verify at the present time of the clock.
func (v *Verifier) VerifyNow(ctx context.Context, jwt string) (*session.Token, error) {
	return v.Verify(ctx, jwt, v.keys.now())
}

// SetCacheLimit replaces the bound of the cache. Call it before v is used.
func (v *Verifier) SetCacheLimit(entries int) { v.cache.limit = entries }

// CachedTokens returns the number of tokens in the cache.
func (v *Verifier) CachedTokens() int {
	v.cache.mu.Lock()
	defer v.cache.mu.Unlock()
	return v.cache.entries
}

// BucketAfter puts tokens into one bucket that were verified at the given times, one
// after the other. It returns the times of those that are left.
func BucketAfter(verified []time.Duration) (left []time.Duration) {
	one := *newTable(1)
	for _, at := range verified {
		one.put(0, &entry{token: session.Token{JWT: session.NewSecret(at.String())}, verifiedAt: at, key: &key{}})
	}
	for i := range one[0].entries {
		if e := one[0].entries[i].Load(); e != nil {
			left = append(left, e.verifiedAt)
		}
	}
	slices.Sort(left)
	return left
}

// NewKids returns the number of remembered kids of received tokens.
func (v *Verifier) NewKids() int {
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	return len(v.keys.newKids)
}

// BreakSignatures makes every signature check by the current keys fail. A token
// that is valid afterwards was not checked.
func (v *Verifier) BreakSignatures() {
	for _, k := range v.keys.current.Load().keys {
		k.verifier = brokenVerifier{}
	}
}

type brokenVerifier struct{ jws.Verifier }

func (brokenVerifier) Verify([]byte, []byte, any) error { return errors.New("broken by the test") }

// PublicKeys returns the keys of the set.
func (s *KeySet) PublicKeys() []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, k := range s.keys {
		keys = append(keys, k.public)
	}
	return keys
}

// Parses reports whether the parser accepts the token.
func Parses(token, audience string) bool {
	_, err := parseToken(token, audience)
	return err == nil
}

// FindsKeysOfFinishedFetch reports whether a caller that saw no keys finds those
// of a fetch that has ended since, onFetch a cooldown.
func (v *Verifier) FindsKeysOfFinishedFetch(ctx context.Context) bool {
	s, err := v.keys.refetch(ctx, nil, true)
	return s != nil && err == nil
}
