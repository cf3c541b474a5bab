package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Errors of [Verifier.Verify]. Any other error means that the token is
// invalid and says why, without a secret.
var (
	// ErrExpired: all is right but the time. The claims are returned.
	ErrExpired = errors.New("token has expired")
	// ErrNotYet: all is right but the time, which has not come.
	ErrNotYet = errors.New("token is not valid yet")
	// ErrCannotTell: the keys that could judge the token are missing.
	ErrCannotTell = errors.New("signing keys are unavailable")
	// ErrUnknownKey: no published key fits the token. It is invalid.
	ErrUnknownKey = errors.New("no signing key fits")
	// ErrDenied: the token was logged out. It is invalid.
	ErrDenied = errors.New("token was logged out")
)

// Config configures a [Verifier].
type Config struct {
	// Audience is what "aud" must contain; Issuer what "iss" must be, "": any.
	Audience, Issuer string
	// Leeway is how long before its "nbf" a token is taken.
	Leeway time.Duration
	// Fetch gets the key set. It has a timeout and a bounded answer.
	Fetch func(context.Context) ([]byte, error)
	// RefreshAfter and MaxAge are the ages at which keys are fetched again
	// and at which they are trusted no more.
	RefreshAfter, MaxAge time.Duration
	Logger               *slog.Logger
	// CacheEntries bounds the verified-token cache; 0 means the default.
	CacheEntries int
}

// Claims are the verified claims of a token.
type Claims struct {
	UserID string // the "sub"
	// IssuedAt and ExpiresAt are seconds since 1970, as the token has them;
	// IssuedAt is 0 where it does not tell.
	IssuedAt, ExpiresAt int64
}

// A Verifier judges tokens. It is safe for concurrent use.
type Verifier struct {
	config Config
	keys   *fetcher
	cache  *cache
	denied denyList
	// denials counts what was put into the two lists.
	denials atomic.Uint64
	// suspended holds what was logged out while no key could judge it. It is
	// apart so that made-up tokens cannot crowd out those of denied.
	suspended denyList
	now       func() time.Time // the only clock of this package; tests step it
}

// New returns a Verifier. It fetches no keys yet.
func New(config Config) *Verifier {
	v := &Verifier{config: config, cache: newCache(config.CacheEntries), now: time.Now}
	v.keys = newFetcher(config, func() time.Time { return v.now() })
	return v
}

// Preload fetches the keys now.
func (v *Verifier) Preload(ctx context.Context) error { return v.keys.preload(ctx) }

// KeysFetchedAt returns when the keys in use were fetched; zero: never.
func (v *Verifier) KeysFetchedAt() time.Time { return v.keys.fetchedAt() }

// Close ends a fetch in flight and waits for it.
func (v *Verifier) Close() { v.keys.close() }

// Verify judges a token and tells when, in milliseconds since 1970. Fresh says
// that upstream itself has just sent it: a key that is not known yet is then
// fetched at once, while for tokens from browsers unknown keys cause one fetch
// in [unknownKidCooldown].
func (v *Verifier) Verify(ctx context.Context, token string, fresh bool) (Claims, int64, error) {
	if len(token) > maxTokenBytes {
		return Claims{}, 0, errSize // before the cache reads all of it
	}
	now := v.now()
	elapsed := v.keys.elapsed(now)
	hash := v.cache.hash(token)
	e := v.cache.get(hash, token, elapsed)
	switch {
	case e == nil || v.keys.outdated(elapsed):
		return v.verifyUnknown(ctx, token, hash, fresh)
	case v.deniedSince(e):
		v.cache.evict(hash)
		return Claims{}, 0, ErrDenied
	case e.claims.expired(now):
		return e.claims, now.UnixMilli(), ErrExpired
	}
	return e.claims, now.UnixMilli(), nil
}

// verifyUnknown judges a token that is not in the cache, and puts it there.
func (v *Verifier) verifyUnknown(ctx context.Context, token string, hash uint64, fresh bool) (Claims, int64, error) {
	p, err := v.read(token)
	if err != nil {
		return Claims{}, 0, err
	}
	k, err := v.signer(ctx, &p, fresh)
	if err != nil {
		return Claims{}, 0, err
	}
	now := v.now() // the keys may have taken their time
	claims, err := v.conclude(&p, now)
	if err != nil && !errors.Is(err, ErrExpired) {
		return Claims{}, 0, err
	}
	if !v.cache.put(hash, newEntry(token, claims, k, v.keys.elapsed(now)), func() bool { return v.loggedOut(p.signed) }) {
		return Claims{}, 0, ErrDenied
	}
	return claims, now.UnixMilli(), err
}

// signer returns the published key whose signature p carries.
func (v *Verifier) signer(ctx context.Context, p *parsed, fresh bool) (*key, error) {
	keys, err := v.keys.find(ctx, p, fresh)
	if err != nil {
		return nil, err
	}
	if k := signer(keys, p); k != nil {
		return k, nil
	}
	if keys, err = v.keys.replacement(ctx, p, keys, fresh); err != nil {
		return nil, err
	}
	if k := signer(keys, p); k != nil {
		return k, nil
	}
	if fresh { // what is published may lag behind a key that took another's name
		return nil, unknownKey(p)
	}
	return nil, errSignature
}

// VerifyWith judges a token by the given keys alone. It neither remembers the
// token nor knows of logouts.
func (v *Verifier) VerifyWith(set *KeySet, token string) (Claims, error) {
	p, err := v.read(token)
	if err != nil {
		return Claims{}, err
	}
	keys := set.find(&p)
	switch {
	case keys == nil:
		return Claims{}, unknownKey(&p)
	case signer(keys, &p) == nil:
		return Claims{}, errSignature
	}
	return v.conclude(&p, v.now())
}

// conclude returns the claims of a token whose signature is right, with what
// there is to say of its time. One whose time has not come has none yet.
func (v *Verifier) conclude(p *parsed, now time.Time) (Claims, error) {
	claims := p.claims.export()
	switch {
	case p.claims.nbf > now.Add(v.config.Leeway).Unix():
		return Claims{}, fmt.Errorf("%w, but from %v on", ErrNotYet, time.Unix(p.claims.nbf, 0).UTC())
	case claims.expired(now):
		return claims, ErrExpired
	}
	return claims, nil
}

// read passes the token through the gate and compares audience and issuer,
// which needs no keys: a token for somebody else is none of ours, whoever
// signed it.
func (v *Verifier) read(token string) (parsed, error) {
	p, err := gate(token, v.config.Audience)
	switch {
	case err != nil:
		return parsed{}, err
	case !p.claims.audienceFits:
		return parsed{}, fmt.Errorf("token's aud is %s, expected %q", p.claims.audienceText, v.config.Audience)
	case v.config.Issuer != "" && p.claims.iss != v.config.Issuer:
		return parsed{}, fmt.Errorf("token's iss is %s, expected %q", excerpt(p.claims.iss), v.config.Issuer)
	}
	return p, nil
}

var errSignature = errors.New("token's signature is false")

// export returns the claims in the form that callers see.
func (c *claims) export() Claims { return Claims{c.sub, c.iat, c.exp} }

// expired reports whether the token's time is over (RFC 7519 §4.1.4).
func (c *Claims) expired(now time.Time) bool { return c.ExpiresAt <= now.Unix() }
