package session

import (
	"context"
	"crypto/sha256"
	"time"
)

// A Coordinator makes all callers with the same refresh token share one
// refresh. The [Manager] always has one for its process. A fleet adds another,
// over a shared store, in [Config.Coordinator].
//
// An implementation derives its own keys from the tokens, never stores a token
// in plain text, and is safe for concurrent use.
type Coordinator interface {
	// Do returns the latest grant that follows token. Of all callers with the
	// same token one makes the upstream calls; the others get its result.
	//
	// A grant is cached under its token until a browser has it, and for a short
	// grace period after that, which is never prolonged. After several rotations
	// the latest grant is returned. Definite refusals are cached, too. A grant
	// whose JWT is not usable yet is stored; see [UpstreamCalls.Fetch].
	//
	// The calls don't belong to ctx: a caller that disconnects leaves them
	// running. When ctx ends, Do returns its error.
	//
	// Errors: an [*UpstreamError], [ErrLoggedOut], or the error of ctx.
	Do(ctx context.Context, token Secret, calls UpstreamCalls) (Shared, error)

	// Logout leaves a tombstone for token and for every token that is known to
	// follow it, and returns those grants, the latest last. A call in flight
	// that ends on a tombstone revokes its grant. After Logout has returned, Do
	// returns ErrLoggedOut for these tokens.
	Logout(ctx context.Context, token Secret) ([]*Grant, error)

	// Close waits for the calls in flight until ctx ends. Later calls of Do
	// fail with [ErrUnavailable].
	Close(ctx context.Context) error
}

// Shared is the result of [Coordinator.Do].
type Shared struct {
	Grant *Grant
	// Cached reports that upstream was not asked for this caller: the grant,
	// or the error beside it, came from memory or from another caller.
	Cached bool
	// Until is the end of a grace period that began elsewhere. Zero means that
	// the grace period begins with the delivery of the grant.
	Until time.Time

	// key is the token under which the in-process coordinator stores the grant.
	key tokenKey
}

// A DenyListBroadcaster is a [Coordinator] that tells the instances of a fleet
// which JWTs are denied. A JWT is identified by the SHA-256 of its signing input
// (RFC 7515 §2), which all its encodings share.
type DenyListBroadcaster interface {
	// Deny makes the other instances deny a JWT until it expires, including
	// instances that start later. It returns soon. An error means that they
	// have not been told yet.
	Deny(ctx context.Context, digest [sha256.Size]byte, until time.Time) error
	// OnDeny registers the callback for denials of all instances, this one
	// included; it may get a denial more than once. The Manager calls OnDeny
	// once, before anything else. The callback does not block.
	OnDeny(callback func(digest [sha256.Size]byte, until time.Time))
}

// UpstreamCalls are the calls that a [Coordinator] makes once for all callers
// with the same token. The [Manager] supplies them. None of them panics.
type UpstreamCalls struct {
	// Exchange sends a token to upstream. It retries where that can do no harm.
	Exchange func(ctx context.Context, token Secret) (*Grant, error)
	// Verify checks a grant that upstream has sent. An error of Kind
	// ErrMalformed means that the grant is wrong. An error of Kind
	// ErrUnavailable means that there is no decision yet.
	Verify func(ctx context.Context, g *Grant) error
	// Revoke logs the refresh token of a grant out, if upstream is reachable.
	Revoke func(ctx context.Context, g *Grant)
}

// Fetch gets the grant that follows token. An upstream response with a refresh
// token is never lost: the old token is used up, and only the new one can renew
// the session. So a grant without a usable JWT is stored, as the result
// unverifiedAfter, and passed to the next call as unverified. That call verifies
// the JWT again. If it is still of no use, Fetch exchanges the grant's refresh
// token for the next grant.
//
// On an error, unverifiedAfter is the grant to store, or nil if there is none.
func (u UpstreamCalls) Fetch(ctx context.Context, token Secret, unverified *Grant) (grant, unverifiedAfter *Grant, err error) {
	if unverified != nil {
		switch err := u.Verify(ctx, unverified); {
		case err == nil:
			return unverified, nil, nil
		case hasKind(err, ErrUnavailable):
			return nil, unverified, err // no decision yet
		}
		token = unverified.RefreshToken.Secret
	}
	grant, err = u.Exchange(ctx, token)
	switch {
	case hasKind(err, ErrRefused):
		return nil, nil, err
	case err != nil:
		return nil, unverified, err
	}
	if err := u.Verify(ctx, grant); err != nil {
		return nil, grant, err
	}
	return grant, nil, nil
}
