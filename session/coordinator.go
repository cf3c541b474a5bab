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
	// A grant is cached under its token for a short grace period, which starts
	// when the grant exists and is never prolonged. After several rotations the
	// latest grant is returned. Definite refusals are cached, too. A grant that
	// could not be verified is stored and verified again before upstream is
	// asked again; see [UpstreamCalls.Fetch].
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
	// the grace period begins now.
	Until time.Time
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

// Fetch gets the grant that follows token. If an earlier call has left an
// unverified grant, Fetch verifies that one instead of asking upstream again.
//
// On an error, unverifiedAfter is the grant to store for the next call, or nil
// if there is none. A grant whose JWT expired or lost its key before it could be
// verified is exchanged for the next one.
func (u UpstreamCalls) Fetch(ctx context.Context, token Secret, unverified *Grant) (grant, unverifiedAfter *Grant, err error) {
	grant = unverified
	if grant == nil {
		if grant, err = u.Exchange(ctx, token); err != nil {
			return nil, nil, err
		}
	}
	err = u.Verify(ctx, grant)
	switch {
	case err == nil:
		return grant, nil, nil
	case unverified != nil && jwtUnusable(err):
		return u.refreshAgain(ctx, unverified)
	case isFinal(err):
		return nil, nil, err
	default:
		return nil, grant, err
	}
}

// refreshAgain exchanges an unverified grant whose JWT is unusable. The grant
// stays stored until upstream rejects it or sends a good successor.
func (u UpstreamCalls) refreshAgain(ctx context.Context, unverified *Grant) (grant, unverifiedAfter *Grant, err error) {
	grant, err = u.Exchange(ctx, unverified.RefreshToken.Secret)
	if err != nil {
		if hasKind(err, ErrRefused) {
			unverified = nil
		}
		return nil, unverified, err
	}
	err = u.Verify(ctx, grant)
	switch {
	case err == nil:
		return grant, nil, nil
	case isFinal(err):
		return nil, unverified, err
	default:
		return nil, grant, err
	}
}
