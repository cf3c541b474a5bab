package session

import (
	"context"
	"crypto/sha256"
	"time"
)

// A Coordinator lets everybody who presents the same refresh token share one
// refresh. The [Manager] always has one of its own for its process; a fleet
// gives it another, over a shared store, in [Config.Coordinator].
//
// An implementation derives its own keys from the tokens, never stores one in
// the clear, and is safe for concurrent use.
type Coordinator interface {
	// Do returns the newest grant that follows token. Of all who ask with the
	// same token only one has the work done; the others get what it got.
	//
	// A grant is remembered under its token for a short grace, counted from
	// the moment it exists and never prolonged; through a chain of rotations
	// the newest is returned. Definite refusals are remembered, too. A grant
	// that cannot be judged is kept and judged again before upstream is asked
	// again.
	//
	// The work belongs to nobody's ctx: whoever goes away leaves it running.
	// When ctx ends, Do returns its error.
	//
	// Errors: an [*UpstreamError], [ErrLoggedOut], or ctx's error.
	Do(ctx context.Context, token Secret, work Work) (Shared, error)

	// Logout leaves a mark on token and on all that is known to follow it,
	// and returns those grants, the newest last. Work in flight that ends on
	// a mark revokes what it got. After Logout has returned, Do gives
	// ErrLoggedOut for every marked token.
	Logout(ctx context.Context, token Secret) ([]*Grant, error)

	// Close waits for the work in flight until ctx ends. Later calls of Do
	// fail with [ErrUnavailable].
	Close(ctx context.Context) error
}

// Shared is the answer of a [Coordinator].
type Shared struct {
	Grant *Grant
	// Remembered reports that upstream was not asked for this call's sake:
	// the grant, or the error beside, came from memory or from another
	// caller's work.
	Remembered bool
	// Until is when the grant is given no more: its grace began elsewhere.
	// Zero: the grace counts from now.
	Until time.Time
}

// A Denier is a [Coordinator] that tells the fleet which JWTs are denied. The
// [Manager] uses it where its Upstream is a [SharedDenier].
type Denier interface {
	// Deny has the other instances deny what has this digest, also those that
	// start later, until the JWT expires. It returns soon: an error means that
	// they were not told yet.
	Deny(ctx context.Context, digest [sha256.Size]byte, until time.Time) error
	// OnDenied has learn called with what any instance denies, its own
	// included, more than once perhaps. The Manager calls it, once, before
	// anything else. It returns at once; learn must not block.
	OnDenied(learn func(digest [sha256.Size]byte, until time.Time))
}

// Work is what a [Coordinator] has done, once, for all who wait. The
// [Manager] supplies it.
type Work interface {
	// Ask sends token to upstream. It tries again where that can do no harm.
	Ask(ctx context.Context, token Secret) (*Grant, error)
	// Judge says whether g is what upstream owes us: nil, or an error of Kind
	// Malformed for a false one. An error of Kind Unavailable means that
	// nobody can tell now: g is kept. One that is ErrJWTKeyUnknown or
	// ErrJWTExpired means that g's JWT is of no use, while its refresh token
	// may live: g is kept, and the next asks with that.
	Judge(ctx context.Context, g *Grant) error
	// Revoke logs g's refresh token out, as far as upstream can be reached.
	Revoke(ctx context.Context, g *Grant)
}
