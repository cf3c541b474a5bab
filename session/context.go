package session

import (
	"context"
	"errors"
	"time"
)

// contextKey finds a *node in a context.
type contextKey struct{}

func nodeOf(ctx context.Context) *node {
	n, _ := ctx.Value(contextKey{}).(*node)
	return n
}

// FromContext returns the session of the request whose context ctx is, and
// whether there is one. Behind RequireSession there always is; behind
// OptionalSession there may be.
func FromContext(ctx context.Context) (*AuthSession, bool) {
	n := nodeOf(ctx)
	if n == nil || n.err != nil {
		return nil, false
	}
	return &n.session, true
}

// ErrorFromContext returns why there is no session in ctx behind
// OptionalSession: an [*AuthenticationError], or an error that is
// [ErrUnavailable]. It is nil where there is a session, and where no
// middleware ran.
func ErrorFromContext(ctx context.Context) error {
	if n := nodeOf(ctx); n != nil && !errors.Is(n.err, errAbsent) {
		return n.err
	}
	return nil
}

// errAbsent stands for a session that nobody has looked for.
var errAbsent = errors.New("no session")

// NewContext returns a context that carries s. Tests of handlers use it; in
// production the middleware does the same. A middleware downstream does not
// take such a session for one that its own manager has verified.
func NewContext(ctx context.Context, s *AuthSession) context.Context {
	n := &node{fate: &fate{err: errAbsent}, parent: ctx}
	if s != nil {
		n.session, n.fate = *s, &usual
	}
	return n.place()
}

// A place is a context: the session and the way to it cost one allocation
// together.

func (p place) Deadline() (time.Time, bool) { return (*p.self).parent.Deadline() }
func (p place) Done() <-chan struct{}       { return (*p.self).parent.Done() }
func (p place) Err() error                  { return (*p.self).parent.Err() }
func (p place) Value(key any) any {
	if _, ok := key.(contextKey); ok {
		return *p.self
	}
	return (*p.self).parent.Value(key)
}

// A Result is what [Manager.Authenticate] and [Manager.Refresh] found.
type Result struct {
	// Session is the user's session. It is nil exactly when an error says why.
	Session *AuthSession
	// Renewed is what has to be stored with the user; nil: nothing.
	Renewed *Renewal
	// Stale marks a session whose JWT has expired while upstream is
	// unavailable. It opens nothing; see Config.StaleFor.
	Stale bool

	place place
}

// A Renewal is a session that was refreshed.
type Renewal struct {
	Grant *Grant
	// Source names the pair whose refresh token was used, as given to
	// [Material.Add]; it is [SourceBody] where the token came from elsewhere.
	Source int
	// Dead names the pairs whose refresh tokens upstream has refused on the
	// way to this result.
	Dead []int
}

// SourceBody is the [Renewal.Source] of a refresh token that was not part of
// the Material.
const SourceBody = -1

// NewContext returns a context in which [FromContext] finds the session, or
// [ErrorFromContext] the error, and in which [Manager.Resume] finds both.
func (r Result) NewContext(ctx context.Context) context.Context {
	n := r.place.node()
	switch {
	case n == nil:
		n = &node{fate: &fate{err: errAbsent}}
	case n.parent != nil: // it has a place in another context already
		n = &node{fate: n.fate, session: n.session}
	}
	n.parent = ctx
	return n.place()
}

// Failed returns r without its session, and reports it: for a caller that
// cannot go through with it, such as a middleware whose cookies cannot hold
// what was renewed.
func (r Result) Failed(ctx context.Context, err error) Result {
	if err == nil {
		err = errAbsent
	}
	failed := &fate{err: err}
	if n := r.place.node(); n != nil && n.owner != nil {
		failed.owner = n.owner
		n.owner.report(ctx, Event{Outcome: Undecided, Op: "store", Err: err, UserID: n.session.UserID})
	}
	return Result{place: (&node{fate: failed}).place()}
}

// Resume returns the outcome that an earlier middleware with the same Manager
// left in ctx, and whether there is one. The outcome of another manager does
// not count: it may stand for another project.
func (m *Manager) Resume(ctx context.Context) (*AuthSession, error, bool) {
	n := nodeOf(ctx)
	if n == nil || n.owner != m {
		return nil, nil, false
	}
	if n.err != nil {
		return nil, n.err, true
	}
	return &n.session, nil, true
}
