package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/crossmint-go/auth/session"
)

// An outcome is what the work for one token came to, and what of it is to be
// recorded.
type outcome struct {
	kind  kind
	grant *session.Grant // also one that is kept beside an error
	err   error
}

// obtain gets the successor of the token and has it judged. What could not be
// judged before is judged again, and upstream is not asked. A panic of work's
// becomes an error: it would end the process. A grant is not lost to it.
func (f *flight) obtain(ctx context.Context, kept *session.Grant) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o.err = unavailable(fmt.Errorf("panic: %v", p))
			f.c.report.panicked(ctx, o.err)
		}
	}()
	o = outcome{kind: kindNone, grant: kept}
	if kept == nil {
		grant, err := f.work.Ask(ctx, f.token)
		if err != nil {
			return failure(err)
		}
		o = outcome{kind: kindKept, grant: grant}
	}
	return f.judge(ctx, o)
}

// judge has a grant judged that is to be kept unless it is found good or false.
func (f *flight) judge(ctx context.Context, o outcome) outcome {
	err := f.work.Judge(ctx, o.grant)
	switch {
	case err == nil:
		return outcome{kind: kindGrant, grant: o.grant}
	case outlived(err) && o.kind == kindNone:
		return f.exchange(ctx, o.grant)
	case settled(err):
		return outcome{kind: kindDrop, err: err}
	}
	o.err = err
	return o
}

// exchange exchanges a kept grant whose JWT is of no use. It stays kept until
// it is refused or has a successor that is not false.
func (f *flight) exchange(ctx context.Context, kept *session.Grant) outcome {
	grant, err := f.work.Ask(ctx, kept.RefreshToken.Secret)
	if err != nil {
		if o := failure(err); o.kind == kindRefusal {
			return o
		}
		return outcome{kind: kindNone, grant: kept, err: err}
	}
	o := f.judge(ctx, outcome{kind: kindKept, grant: grant})
	if o.kind == kindDrop {
		return outcome{kind: kindNone, grant: kept, err: o.err}
	}
	return o
}

// failure is the outcome where upstream gave no grant.
func failure(err error) outcome {
	if kind, ok := kindOf(err); ok && kind == session.Refused {
		return outcome{kind: kindRefusal, err: err}
	}
	return outcome{kind: kindNone, err: err}
}

// doubt marks a refusal as one that must clear no cookies.
func (o *outcome) doubt() {
	var up *session.UpstreamError
	if o.certain() && errors.As(o.err, &up) {
		doubtful := *up
		doubtful.Doubtful = true
		o.err = &doubtful
	}
}

// certain reports whether o is a refusal that may clear cookies.
func (o *outcome) certain() bool {
	var up *session.UpstreamError
	return o.kind == kindRefusal && errors.As(o.err, &up) && !up.Doubtful
}

// plain returns what is to be sealed; nil: nothing.
func (o *outcome) plain() ([]byte, error) {
	var up *session.UpstreamError
	switch {
	case o.kind == kindGrant || o.kind == kindKept:
		return marshalGrant(o.grant)
	case o.kind == kindRefusal && errors.As(o.err, &up):
		return marshalRefusal(up)
	default:
		return nil, nil
	}
}

// repeats reports whether upstream has not rotated token.
func (o *outcome) repeats(token session.Secret) bool {
	return (o.kind == kindGrant || o.kind == kindKept) && token.Equal(o.grant.RefreshToken.Secret)
}

// outlived reports whether a grant's JWT is of no use, by its key or by the
// clock, while its refresh token may live.
func outlived(err error) bool {
	return errors.Is(err, session.ErrJWTKeyUnknown) || errors.Is(err, session.ErrJWTExpired)
}

// settled reports whether a judgement on a grant is final.
func settled(err error) bool {
	kind, failed := kindOf(err)
	return err == nil || failed && kind == session.Malformed && !outlived(err)
}
