package crossmint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
	"github.com/crossmint-go/auth/session"
)

var _ session.Upstream = (*Client)(nil)

// Verify verifies a JWT, like the documented verifyCrossmintJwt. The present time,
// now, is time.Now() for most callers. Verify makes no call while it knows the
// signing key that the JWT names. The error is
// session.ErrJWTExpired together with the Token, session.ErrUnavailable if the
// signing keys cannot be fetched, else session.ErrJWTInvalid with the reason. An
// error that is session.ErrJWTKeyUnknown, too, comes with the Token if upstream has
// withdrawn the signing key within a day: the JWT is invalid, and only its user is
// certain.
func (c *Client) Verify(ctx context.Context, jwt string, now time.Time) (*session.Token, error) {
	token, err := c.verifier.Verify(ctx, jwt, now)
	if errors.Is(err, verify.ErrNotYetValid) {
		err = c.clock.explain(err)
	}
	return token, toSessionError(err)
}

// VerifyReceived is [Client.Verify] for a JWT that upstream itself has just
// sent. It fetches a signing key that is not known yet at once. A JWT that is
// not valid yet is session.ErrUnavailable: upstream's clock is ahead, and the JWT
// will be valid soon.
func (c *Client) VerifyReceived(ctx context.Context, jwt string) (*session.Token, error) {
	token, err := c.verifier.VerifyReceived(ctx, jwt)
	switch {
	case errors.Is(err, verify.ErrNotYetValid):
		return nil, verifyUnavailable(c.clock.explain(err))
	case errors.Is(err, verify.ErrExpired):
		return token, c.clock.explain(session.ErrJWTExpired)
	}
	return token, toSessionError(err)
}

// VerifyWith is the documented verifyCrossmintJwt(token, jwks): it is
// [Client.Verify] by the keys of the given JWK set (RFC 7517) alone, and makes no
// call. Keys that are unknown, weak or not for signatures are ignored. If none is
// left, the error concerns the key set and is not one of package session's errors.
func (c *Client) VerifyWith(jwks []byte, jwt string) (*session.Token, error) {
	keys, err := verify.ParseKeySet(jwks)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInvalidArgument, err)
	}
	token, err := c.verifier.VerifyWith(keys, jwt)
	return token, toSessionError(err)
}

// toSessionError converts an error of the verification package.
func toSessionError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, verify.ErrExpired):
		return session.ErrJWTExpired
	case errors.Is(err, verify.ErrKeysUnavailable):
		return verifyUnavailable(err)
	case errors.Is(err, verify.ErrOtherAudience):
		return fmt.Errorf("%w: %w: %w", session.ErrJWTInvalid, session.ErrOtherProject, err)
	case errors.Is(err, verify.ErrUnknownKey):
		return fmt.Errorf("%w: %w: %w", session.ErrJWTInvalid, session.ErrJWTKeyUnknown, err)
	default:
		return fmt.Errorf("%w: %w", session.ErrJWTInvalid, err)
	}
}

// verifyUnavailable returns the error for a JWT that cannot be verified now.
func verifyUnavailable(cause error) error {
	return &session.UpstreamError{Kind: session.ErrUnavailable, Op: "keys", Err: cause}
}
