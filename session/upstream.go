package session

import (
	"context"
	"time"
)

// Upstream is the service that issues sessions; in production it is a
// *crossmint.Client. Implementations are safe for concurrent use.
type Upstream interface {
	// Verify verifies a JWT that a browser has presented. The caller has just
	// read the clock: now is the present time.
	//
	// A nil error means valid. An error that is [ErrJWTExpired] comes with the
	// Token, because the signature is correct. An error that is
	// [ErrUnavailable] means that there is no decision. Any other error means
	// invalid. With [ErrJWTKeyUnknown] the Token may be returned if upstream
	// has withdrawn the key that signed the JWT: then its refresh token is not
	// limited like one without a signed JWT.
	Verify(ctx context.Context, jwt string, now time.Time) (*Token, error)
	// VerifyReceived is Verify for a JWT that upstream itself has just sent. A
	// signing key that is not known yet may be fetched at once. A JWT that is
	// not valid yet is [ErrUnavailable]: it will be valid soon.
	VerifyReceived(ctx context.Context, jwt string) (*Token, error)
	// Refresh exchanges a refresh token or a one-time secret, in one try.
	// Errors are [*UpstreamError].
	Refresh(ctx context.Context, token Secret) (*Grant, error)
	// Logout revokes a refresh token, in one try. Errors are [*UpstreamError].
	Logout(ctx context.Context, token Secret) error
}
