package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// An outcome is the result of the upstream calls for one token, as it is
// committed to the store.
type outcome struct {
	kind  kind
	grant *session.Grant // beside an error: one that could not be verified yet
	err   error
	// cached and orphan are those of the call under another secret.
	cached bool
	orphan *session.Grant
}

// fetch gets the grant that follows the token, or the one that follows the
// unverified grant of an earlier call. It asks upstream when the token is locked
// under all secrets of the deployment.
func (f *call) fetch(ctx context.Context, unverified *session.Grant) outcome {
	if len(f.others) > 0 {
		return newCall(f.c, f.others, f.token, f.calls).run(ctx).outcome()
	}
	grant, unverifiedAfter, err := f.calls.Fetch(ctx, f.token, unverified)
	switch {
	case err == nil:
		return outcome{kind: kindGrant, grant: grant}
	case unverifiedAfter == nil && isRefused(err):
		return outcome{kind: kindRefusal, err: err}
	case unverifiedAfter == unverified: // both may be nil
		return outcome{kind: kindNone, grant: unverified, err: err}
	default:
		return outcome{kind: kindUnverified, grant: unverifiedAfter, err: err}
	}
}

// outcome returns the result of the call under another secret.
func (r result) outcome() outcome {
	o := outcome{kind: kindNone, grant: r.shared.Grant, err: r.err, cached: r.shared.Cached, orphan: r.orphan}
	switch {
	case r.err == nil:
		o.kind = kindGrant
	case r.unverified != nil:
		o.kind, o.grant = kindUnverified, r.unverified
	case isRefused(r.err):
		o.kind = kindRefusal
	}
	return o
}

func isRefused(err error) bool {
	var up *session.UpstreamError
	return errors.As(err, &up) && errors.Is(up.Kind, session.ErrRefused)
}

// uncertain marks a refusal as one that says nothing about the session, and leaves
// other errors as they are.
func uncertain(err error) error {
	var up *session.UpstreamError
	if !isRefused(err) || !errors.As(err, &up) {
		return err
	}
	marked := *up
	marked.Uncertain = true
	return &marked
}

// marshal returns the bytes to seal; nil if there is nothing to store.
func (o *outcome) marshal() ([]byte, error) {
	var up *session.UpstreamError
	switch {
	case o.kind == kindGrant || o.kind == kindUnverified:
		return marshalGrant(o.grant)
	case o.kind == kindRefusal && errors.As(o.err, &up):
		return marshalRefusal(up)
	default:
		return nil, nil
	}
}

// repeats reports whether upstream has not rotated token.
func (o *outcome) repeats(token session.Secret) bool {
	return (o.kind == kindGrant || o.kind == kindUnverified) && token.Equal(o.grant.RefreshToken.Secret)
}

// ttl returns the time for which the store keeps an outcome. A grant is kept as
// long as in a process that has not delivered it.
func (o *outcome) ttl() time.Duration {
	switch o.kind {
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
