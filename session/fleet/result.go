package fleet

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// result is the result of a call: what its callers get, and what the store keeps.
type result struct {
	kind       kind // of the value in the store
	shared     session.Shared
	err        error
	unverified *session.Grant // beside an error: a grant that could not be verified yet
	orphan     *session.Grant // to be revoked, because its user has logged out
}

// grant returns the grant that follows the token, verified or not; nil if there is none.
func (r *result) grant() *session.Grant { return cmp.Or(r.shared.Grant, r.unverified) }

// fetch gets the grant that follows the token, or the one that follows the
// unverified grant of an earlier call. It asks upstream when the token is locked
// under all secrets of the deployment.
func (f *call) fetch(ctx context.Context, unverified *session.Grant) result {
	if len(f.others) > 0 {
		r := newCall(f.c, f.others, f.token, f.calls).run(ctx)
		if r.unverified != nil {
			r.kind = kindUnverified // the record of this secret may not have it
		}
		return r
	}
	grant, unverifiedAfter, err := f.calls.Fetch(ctx, f.token, unverified)
	r := result{shared: session.Shared{Grant: grant}, err: err, unverified: unverifiedAfter}
	var up *session.UpstreamError
	switch {
	case err == nil:
		r.kind = kindGrant
	case unverifiedAfter != nil && unverifiedAfter != unverified:
		r.kind = kindUnverified
	case unverifiedAfter == nil && errors.As(err, &up) && errors.Is(up.Kind, session.ErrRefused):
		r.kind = kindRefusal
	}
	return r
}

// settlement returns a result in the form of the record.
func (f *call) settlement(r *result, expiresAt time.Time) (w settlement, err error) {
	w = settlement{owner: f.owner, kind: r.kind}
	var plain []byte
	var up *session.UpstreamError
	switch {
	case r.kind == kindGrant || r.kind == kindUnverified:
		if next := r.grant().RefreshToken.Secret; !next.Equal(f.token) {
			w.next = f.keys.name(next)
		}
		plain, err = marshalGrant(r.grant())
	case r.kind == kindRefusal && errors.As(r.err, &up):
		plain, err = marshalRefusal(up)
	default:
		return w, nil
	}
	if err != nil {
		return w, err
	}
	w.value, err = f.keys.seal(f.token, r.kind, expiresAt, plain)
	return w, err
}

// ttl returns the time for which the store keeps a result. A grant is kept as long as
// in a process that has not delivered it.
func (r *result) ttl() time.Duration {
	switch r.kind {
	case kindGrant:
		return bounds.UsedTTL
	case kindUnverified:
		return bounds.UnverifiedTTL
	case kindRefusal:
		return bounds.RejectedTTL
	default:
		return lockTTL // it has to release the lock
	}
}
