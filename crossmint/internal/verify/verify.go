package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Errors of [Verifier.Verify]. Any other error means that the token is
// invalid. It gives the reason and holds no secret.
var (
	// ErrExpired: the token is correct and has expired. The Token is returned.
	ErrExpired = errors.New("token has expired")
	// ErrNotYetValid: the token is correct and its "nbf" is in the future.
	ErrNotYetValid = errors.New("token is not valid yet")
	// ErrKeysUnavailable: the key that could verify the token may exist and
	// cannot be fetched now. There is no decision.
	ErrKeysUnavailable = errors.New("signing keys are unavailable")
	// ErrOtherAudience: the token names another project. The signature of a
	// token that upstream has sent was correct.
	ErrOtherAudience = errors.New("token is for another project")
	// ErrUnknownKey: no published key fits the token. The token is invalid.
	// [Verifier.Verify] returns the Token all the same if a key has signed it
	// that upstream published earlier.
	ErrUnknownKey = errors.New("no signing key fits")

	errSignature = errors.New("token's signature is invalid")
)

// Config configures a [Verifier].
type Config struct {
	// Audience must be in the "aud" of a token. Issuer must be its "iss"; an
	// empty Issuer accepts any.
	Audience, Issuer string
	// Leeway is the time before its "nbf" from which a token is accepted.
	Leeway time.Duration
	// Fetch gets the key set. It has a timeout and bounds the response. URL is
	// that of the key set, for errors.
	Fetch func(context.Context) ([]byte, error)
	URL   string
	// RefreshAfter is the age at which keys are fetched again. MaxAge is the
	// age at which they are no longer trusted.
	RefreshAfter, MaxAge time.Duration
	Logger               *slog.Logger
}

// A Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	config Config
	keys   *fetcher
	cache  *cache
}

// New returns a Verifier. It fetches no keys yet.
func New(config Config) *Verifier {
	return &Verifier{config: config, keys: newFetcher(config), cache: newCache()}
}

// Preload fetches the keys now.
func (v *Verifier) Preload(ctx context.Context) error { return v.keys.preload(ctx) }

// KeysFetchedAt returns the time at which the current keys were fetched. It is
// zero if there are none.
func (v *Verifier) KeysFetchedAt() time.Time { return v.keys.fetchedAt() }

// Close cancels a running fetch and waits for it.
func (v *Verifier) Close() { v.keys.close() }

// Verify verifies a token that a browser has presented, at the present time now.
// Unknown keys cause one fetch in [unknownKidCooldown] at most. While a token is
// cached, each call returns the same Token.
func (v *Verifier) Verify(ctx context.Context, jwt string, now time.Time) (*session.Token, error) {
	return v.verify(ctx, jwt, now, false)
}

// VerifyReceived verifies a token that upstream itself has just sent. A key that
// is not known yet is fetched at once.
func (v *Verifier) VerifyReceived(ctx context.Context, jwt string) (*session.Token, error) {
	return v.verify(ctx, jwt, v.keys.now(), true)
}

func (v *Verifier) verify(ctx context.Context, jwt string, now time.Time, received bool) (*session.Token, error) {
	if len(jwt) > maxTokenBytes {
		return nil, errSize // before the cache reads all of it
	}
	elapsed := v.keys.elapsed(now)
	hash := v.cache.hash(jwt)
	e := v.cache.get(hash, jwt, elapsed)
	if e == nil || !v.keys.refreshIfDue(elapsed) {
		return v.verifyUncached(ctx, jwt, hash, received)
	}
	if !now.Before(e.token.ExpiresAt) {
		return &e.token, ErrExpired
	}
	return &e.token, nil
}

// verifyUncached verifies a token that is not in the cache, and adds it.
func (v *Verifier) verifyUncached(ctx context.Context, jwt string, hash uint64, received bool) (*session.Token, error) {
	p, err := v.parse(jwt)
	if err != nil && !(received && errors.Is(err, ErrOtherAudience)) {
		return nil, err
	}
	k, keyErr := v.findKey(ctx, &p, received)
	if keyErr = cmp.Or(keyErr, err); keyErr != nil {
		if !received && v.keys.isWithdrawn(&p, keyErr) {
			t := &session.Token{}
			p.fillToken(t, jwt)
			return t, unknownKey(&p)
		}
		return nil, keyErr
	}
	e, err := v.newEntry(&p, jwt)
	if e == nil {
		return nil, err
	}
	e.key = k
	v.cache.put(hash, e)
	return &e.token, err
}

// VerifyWith verifies a token by the given keys alone. It caches nothing.
func (v *Verifier) VerifyWith(set *KeySet, jwt string) (*session.Token, error) {
	p, err := v.parse(jwt)
	if err != nil {
		return nil, err
	}
	keys := set.keysFor(&p)
	switch {
	case keys == nil:
		return nil, unknownKey(&p)
	case matchKey(keys, &p) == nil:
		return nil, errSignature
	}
	e, err := v.newEntry(&p, jwt)
	if e == nil {
		return nil, err
	}
	return &e.token, err
}

// findKey returns the published key that has signed p.
func (v *Verifier) findKey(ctx context.Context, p *parsedToken, received bool) (*key, error) {
	asked := v.keys.now()
	keys, set, err := v.keys.keysFor(ctx, p, received, asked)
	if err != nil {
		return nil, err
	}
	if k := matchKey(keys, p); k != nil {
		return k, nil
	}
	if !received && set.fetchedAt.After(asked) {
		return nil, errSignature // no newer keys can be expected
	}
	if keys, err = v.keys.replacedKeys(ctx, p, set, received); err != nil {
		return nil, err
	}
	if k := matchKey(keys, p); k != nil {
		return k, nil
	}
	if received { // the published set may lag behind a key that replaced another of its name
		return nil, unknownKey(p)
	}
	return nil, errSignature
}

// parse parses a token and checks its audience and issuer. That needs no keys: a
// token for another project is invalid, whatever key signed it. It is returned
// with ErrOtherAudience.
func (v *Verifier) parse(jwt string) (parsedToken, error) {
	p, err := parseToken(jwt, v.config.Audience)
	switch {
	case err != nil:
		return parsedToken{}, err
	case !p.claims.audienceFits:
		return p, fmt.Errorf("%w: its aud is %s, expected %q", ErrOtherAudience, p.claims.audienceExcerpt, v.config.Audience)
	case v.config.Issuer != "" && p.claims.iss != v.config.Issuer:
		return parsedToken{}, fmt.Errorf("token's iss is %s, expected %q", excerpt(p.claims.iss), v.config.Issuer)
	}
	return p, nil
}

// newEntry returns the entry for a correctly signed token, also with ErrExpired. It
// returns nil for one that is not valid yet.
func (v *Verifier) newEntry(p *parsedToken, jwt string) (e *entry, err error) {
	now := v.keys.now() // a fetch of the keys may have taken a while
	switch {
	case p.claims.nbf > now.Add(v.config.Leeway).Unix():
		return nil, fmt.Errorf("%w: its nbf is %v", ErrNotYetValid, time.Unix(p.claims.nbf, 0).UTC())
	case p.claims.exp <= now.Unix(): // RFC 7519 §4.1.4
		err = ErrExpired
	}
	e = &entry{verifiedAt: v.keys.elapsed(now)}
	p.fillToken(&e.token, jwt)
	return e, err
}

// fillToken sets the fields of t. It copies the JWT: the given string is a part
// of the whole Cookie header and would keep it in memory.
func (p *parsedToken) fillToken(t *session.Token, jwt string) {
	t.JWT, t.UserID = session.NewSecret(strings.Clone(jwt)), p.claims.sub
	t.ExpiresAt = time.Unix(p.claims.exp, 0)
	if p.claims.iat != 0 {
		t.IssuedAt = time.Unix(p.claims.iat, 0)
	}
}
