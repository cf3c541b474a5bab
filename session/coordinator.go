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
// in plain text, and is safe for concurrent use. It may have the method
//
//	CheckDelivery(ctx context.Context, token session.Secret) error
//
// which the Manager calls before a response sets the cookies of a grant that is older
// than a second. The method returns ErrLoggedOut if another instance has ended the
// session of the grant's refresh token, and an error that is ErrUnavailable if a
// browser has a later grant. Without a decision it returns nil.
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

// A deliveryChecker is a [Coordinator] with the method CheckDelivery.
type deliveryChecker interface {
	CheckDelivery(ctx context.Context, token Secret) error
}

// Shared is the result of [Coordinator.Do].
type Shared struct {
	Grant *Grant
	// Cached reports that upstream was not asked for this caller: the grant,
	// or the error beside it, came from memory or from another caller, or too
	// many refreshes were running or waited for.
	Cached bool
	// Until bounds the time for which the grant may be cached, where that began
	// elsewhere. The grace period begins with the delivery of the grant, and ends
	// then at the latest. Zero means no bound.
	Until time.Time
	// Delivered is called when a browser has the grant. It does not block. nil: the
	// coordinator need not know.
	Delivered func()

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
