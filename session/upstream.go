package session

import (
	"context"
	"crypto/sha256"
	"time"
)

// Upstream is the service that issues sessions; *crossmint.Client is the one
// in production. Implementations are safe for concurrent use.
type Upstream interface {
	// Judge judges a JWT, and tells when, in milliseconds since 1970. Fresh says
	// that upstream itself has just sent it, so that a key which is not known yet
	// may be fetched at once; else a browser presents it.
	//
	// A nil error means valid. An error that is [ErrJWTExpired] comes with a
	// Token, since the signature is right; one that is [ErrUnavailable] means
	// that nobody can tell; any other error means invalid, [ErrJWTKeyUnknown]
	// among them.
	Judge(ctx context.Context, jwt string, fresh bool) (t Token, at int64, err error)
	// Deny makes Judge reject the JWT, in every spelling, until it expires.
	Deny(ctx context.Context, jwt string)
	// Refresh exchanges a refresh token or a one-time secret, in one try.
	// Errors are [*UpstreamError].
	Refresh(ctx context.Context, token Secret) (*Grant, error)
	// Logout revokes a refresh token, in one try. Errors are [*UpstreamError].
	Logout(ctx context.Context, token Secret) error
}

// A SharedDenier is an [Upstream] whose denials the instances of a fleet can
// share, where their [Coordinator] is a [Denier]. *crossmint.Client is one;
// without it each process denies for itself.
type SharedDenier interface {
	// DenyShared is Upstream.Deny, and returns by what others know the JWT,
	// and when it expires: the SHA-256 of its signed part, which all its
	// spellings have in common. Ok is false where there is nothing to share:
	// the JWT is not valid, or may be made up.
	DenyShared(ctx context.Context, jwt string) (digest [sha256.Size]byte, until time.Time, ok bool)
	// DenyDigest does here what DenyShared did in another instance.
	DenyDigest(digest [sha256.Size]byte, until time.Time)
}

// A Token is what a correctly signed JWT says.
type Token struct {
	UserID string
	// IssuedAt and ExpiresAt are seconds since 1970, as the JWT has them
	// (RFC 7519 §2). IssuedAt is 0 where it does not tell.
	IssuedAt, ExpiresAt int64
}
