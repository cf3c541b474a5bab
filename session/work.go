package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// work is what the manager has a coordinator do for one refresh token.
type work struct {
	m *Manager
	// user is the "sub" of the correctly signed JWT that came with the
	// token; "" without one.
	user string
}

// Ask sends token to upstream. A token that came without a correctly signed
// JWT, or beside one that too many came with, has to pass the bucket.
func (w *work) Ask(ctx context.Context, token Secret) (grant *Grant, err error) {
	if w.m.crowds.enter(w.user) {
		defer w.m.crowds.leave(w.user)
	} else {
		if !w.m.bucket.enter(ctx) {
			return nil, busy("refresh", "too many refresh tokens without a signed JWT are refused")
		}
		defer func() { w.m.bucket.leave(failed(err, Refused)) }()
	}
	err = insist(ctx, func(ctx context.Context) error {
		grant, err = w.m.upstream.Refresh(ctx, token)
		return err
	})
	return grant, w.heed(ctx, err)
}

// heed learns from upstream's answer.
func (w *work) heed(ctx context.Context, err error) error {
	var up *UpstreamError
	switch {
	case err == nil:
		w.m.lastSuccess.Store(time.Now().UnixNano())
		if w.m.keyGuard.accept() {
			w.m.report(ctx, Event{Outcome: RefusalsTrusted, Op: "refresh", UserID: w.user})
		}
	case !errors.As(err, &up):
	case up.Kind == Refused:
		if w.m.keyGuard.refuse(w.user) {
			doubtful := *up
			doubtful.Doubtful = true
			w.m.report(ctx, Event{Outcome: RefusalsDoubted, Op: "refresh", UserID: w.user, Err: err, UpstreamStatus: up.Status})
			return &doubtful
		}
	case up.Status == statusForbidden:
		w.m.report(ctx, Event{Outcome: APIKeyRejected, Op: "refresh", Err: err, UpstreamStatus: up.Status})
	}
	return err
}

// Judge implements [Work].
func (w *work) Judge(ctx context.Context, g *Grant) error {
	token, _, err := w.m.upstream.Judge(ctx, g.JWT.Reveal(), true)
	switch {
	case errors.Is(err, ErrUnavailable):
		return err
	case errors.Is(err, ErrJWTNotYet): // by our clock: it will be
		return &UpstreamError{Kind: Unavailable, Op: "refresh", Err: err}
	case errors.Is(err, ErrJWTExpired) && token.ExpiresAt > g.ReceivedAt.Unix():
		// It held when it came; its refresh token still does.
	case err != nil:
		return &UpstreamError{Kind: Malformed, Op: "refresh", Err: err}
	}
	if token.UserID != g.User.ID {
		return &UpstreamError{Kind: Malformed, Op: "refresh", Err: errUserMismatch}
	}
	return nil
}

var errUserMismatch = errors.New("user.id is not the JWT's sub")

// Revoke implements [Work].
func (w *work) Revoke(ctx context.Context, g *Grant) {
	err := w.m.revoke(ctx, g.RefreshToken.Secret)
	e := Event{Outcome: Revoked, Op: "logout", UserID: g.User.ID, Token: w.m.hasher.name(g.RefreshToken.Secret), Err: err}
	if err != nil {
		e.Outcome = RevokeFailed
	}
	w.m.report(ctx, e)
}

// revoke has upstream end a refresh token. One that upstream refuses is over
// already.
func (m *Manager) revoke(ctx context.Context, token Secret) error {
	err := insist(ctx, func(ctx context.Context) error { return m.upstream.Logout(ctx, token) })
	if failed(err, Refused) {
		return nil
	}
	return err
}

// The tries of one call to upstream, beyond the first.
const (
	// unsentTries is how often a call is repeated of which nothing was sent,
	// within unsentTime from its start: it cannot do harm.
	unsentTries = 2
	unsentTime  = time.Second
	unsentPause = 100 * time.Millisecond
	// cutOffTries is how often a call is repeated whose answer was cut off:
	// upstream may have used the token up, and answers the same again only
	// for a while.
	cutOffTries = 1
)

// insist calls upstream, again where that can do no harm. Our own timeouts
// and complete answers are final.
func insist(ctx context.Context, call func(context.Context) error) error {
	started := time.Now()
	unsent, cutOff := 0, 0
	for {
		err := call(ctx)
		var up *UpstreamError
		if err == nil || !errors.As(err, &up) {
			return err
		}
		switch {
		case up.Delivery == NotSent && unsent < unsentTries && time.Since(started) < unsentTime:
			unsent++
			if !pause(ctx, jitter(unsentPause<<unsent)) {
				return err
			}
		case up.Delivery == CutOff && cutOff < cutOffTries:
			cutOff++
		default:
			return err
		}
	}
}

// pause waits and reports whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter returns between a half and the whole of d, so that clients which
// failed together do not return together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2) }
