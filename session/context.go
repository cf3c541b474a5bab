package session

import (
	"cmp"
	"context"
	"errors"
)

// contextKey is the key of an *outcome in a context.
type contextKey struct{}

// outcome is the value that a middleware stores in the context of a request.
type outcome struct {
	session AuthSession
	renewed *Renewal
	failure *failure // nil where there is a session
	manager *Manager // nil for NewContext
	bearer  bool     // the JWT came without cookies
}

// failure is the reason why there is no session. It is not a part of outcome,
// because most requests have a session.
type failure struct {
	err      error
	rejected []Secret // by upstream, for a response that sets a marker or deletes cookies
}

// err returns nil where there is a session.
func (o *outcome) err() error {
	if o.failure == nil {
		return nil
	}
	return o.failure.err
}

// rejected returns the tokens that upstream has rejected.
func (o *outcome) rejected() []Secret {
	if o.failure == nil {
		return nil
	}
	return o.failure.rejected
}

func outcomeOf(ctx context.Context) *outcome {
	o, _ := ctx.Value(contextKey{}).(*outcome)
	return o
}

// errAbsent marks a context for which no middleware has looked for a session.
var errAbsent = errors.New("no session")

// FromContext returns the session of the request that ctx belongs to, and
// reports whether there is one. Behind RequireSession there always is; behind
// OptionalSession there may be. For a context that no middleware has looked at,
// which is usually a mistake, each calling line logs one warning to slog.Default().
func FromContext(ctx context.Context) (*AuthSession, bool) {
	o := outcomeOf(ctx)
	if o == nil {
		warnNoMiddleware(ctx)
		return nil, false
	}
	if o.failure != nil {
		return nil, false
	}
	return &o.session, true
}

// ErrorFromContext returns the reason why ctx has no session behind
// OptionalSession: an [*AuthenticationError], or an error that is
// [ErrUnavailable]. It returns nil where there is a session, and where no
// middleware ran.
func ErrorFromContext(ctx context.Context) error {
	if o := outcomeOf(ctx); o != nil && !errors.Is(o.err(), errAbsent) {
		return o.err()
	}
	return nil
}

// NewContext returns a context that carries s. It is for the tests of
// handlers; in production the middleware does the same. A middleware further
// inside authenticates the request itself: it accepts only sessions of its own
// manager.
func NewContext(ctx context.Context, s *AuthSession) context.Context {
	o := &outcome{failure: &failure{err: errAbsent}}
	if s != nil {
		o = &outcome{session: *s}
	}
	return context.WithValue(ctx, contextKey{}, o)
}

// NewContext returns a context in which [FromContext] finds the session of r, or
// [ErrorFromContext] finds err. The error is that of [Manager.Authenticate], or the
// reason why a renewed session could not be stored with the user.
func (r Result) NewContext(ctx context.Context, err error) context.Context {
	o := r.outcome
	switch {
	case o == nil:
		o = &outcome{failure: &failure{err: cmp.Or(err, errAbsent)}}
	case err != nil && !errors.Is(o.err(), err):
		o = &outcome{manager: o.manager, failure: &failure{err: err, rejected: o.rejected()}, bearer: o.bearer}
	}
	return context.WithValue(ctx, contextKey{}, o)
}

// Resume returns the outcome that an outer middleware with the same Manager
// has stored in ctx, and reports whether there is one. Outcomes of other
// managers don't count: they may belong to another project. bearer asks for an
// outcome of [Manager.Verify]; otherwise only one of Authenticate or Refresh
// counts. The outer middleware stores what is Renewed with the user.
func (m *Manager) Resume(ctx context.Context, bearer bool) (Result, error, bool) {
	o := outcomeOf(ctx)
	if o == nil || o.manager != m || o.bearer != bearer {
		return Result{}, nil, false
	}
	if o.failure != nil {
		return Result{outcome: o}, o.failure.err, true
	}
	return Result{Session: &o.session, Renewed: o.renewed, outcome: o}, nil, true
}
