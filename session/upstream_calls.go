package session

import (
	"context"
	"errors"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/session/event"
)

// Retries of one upstream call, beyond the first try.
const (
	// maxUnsentRetries bounds the retries of a call of which no byte was sent,
	// within unsentRetryTime from its start: they can do no harm.
	maxUnsentRetries = 2
	unsentRetryTime  = time.Second
	unsentRetryDelay = 100 * time.Millisecond
	// maxIncompleteRetries bounds the retries of a call whose response was cut
	// off: upstream may have used the token, and sends the same response again
	// for a short time only.
	maxIncompleteRetries = 1
)

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

	// refusedBefore is the token that upstream has refused a moment ago, to this or to
	// another process. Zero: none. Descendants of that token still work.
	refusedBefore Secret
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
	} else if !token.IsZero() && u.refusedBefore.Equal(token) {
		return nil, nil, &UpstreamError{Kind: ErrRefused, Op: "refresh", Err: errRefusedBefore}
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

var errRefusedBefore = errors.New("the browser's marker says that upstream has refused the token a moment ago")

var errUserMismatch = errors.New("user.id is not the JWT's sub")

// upstreamCalls returns the calls for one refresh token.
func (m *Manager) upstreamCalls(c caller) UpstreamCalls {
	return UpstreamCalls{
		Exchange: func(ctx context.Context, token Secret) (grant *Grant, err error) {
			err = recoverPanic(ctx, m.report, "refresh", func() (err error) {
				grant, err = m.exchange(ctx, token, c)
				return err
			})
			return grant, err
		},
		Verify: func(ctx context.Context, g *Grant) error {
			return recoverPanic(ctx, m.report, "refresh", func() error { return m.verifyGrant(ctx, g) })
		},
		Revoke: func(ctx context.Context, g *Grant) {
			_ = recoverPanic(ctx, m.report, "logout", func() error { m.revokeGrant(ctx, g); return nil }) // reported
		},
	}
}

// exchange sends token to upstream, once the limiters let it pass and upstream's
// Retry-After is over.
func (m *Manager) exchange(ctx context.Context, token Secret, c caller) (grant *Grant, err error) {
	key := m.hasher.key(token)
	if err := m.backoff.get(key); err != nil {
		return nil, err
	}
	release, ok := m.limiters.acquire(ctx, c, key)
	if !ok {
		return nil, errOverloaded("refresh", "too many refresh tokens are rejected")
	}
	defer func() { release(err) }()
	err = retry(ctx, func(ctx context.Context) error {
		grant, err = m.upstream.Refresh(ctx, token)
		return err
	})
	if err == nil && grant == nil {
		err = unavailable("refresh", errors.New("upstream returned neither a grant nor an error"))
	}
	if err == nil {
		m.hasher.keepSuccessor(grant)
	}
	m.recordToken(key, grant, err)
	m.recordRefresh(ctx, c, err)
	return grant, err
}

// recordToken learns from the result of a refresh about the token of key.
func (m *Manager) recordToken(key tokenKey, grant *Grant, err error) {
	if err == nil {
		m.limiters.record(key, &grant.successorKey)
		return
	}
	var up *UpstreamError
	switch {
	case !errors.As(err, &up):
	case up.kind() == ErrRefused: //nolint:errorlint // Kind is one of three sentinels
		m.limiters.record(key, nil)
	default:
		m.backoff.add(key, up)
	}
}

// recordRefresh learns from the result of a refresh.
func (m *Manager) recordRefresh(ctx context.Context, c caller, err error) {
	if err == nil {
		m.lastRefresh.Store(time.Now().UnixNano())
		if m.keyMonitor.recordSuccess() {
			m.report(ctx, event.Event{Outcome: event.RejectionsResumed, Op: "refresh", UserID: c.user})
		}
		return
	}
	var up *UpstreamError
	switch {
	case !errors.As(err, &up):
	case up.kind() == ErrRefused: //nolint:errorlint // Kind is one of three sentinels
		if m.keyMonitor.recordRefusal(c.user) {
			m.report(ctx, event.Event{Outcome: event.RejectionsSuspended, Op: "refresh", UserID: c.user, Err: err, UpstreamStatus: up.Status})
		}
	case up.APIKeyRejected:
		m.report(ctx, event.Event{Outcome: event.APIKeyRejected, Op: "refresh", Err: err, UpstreamStatus: up.Status})
	}
}

// verifyGrant checks a grant that upstream has sent: the JWT has to be valid and
// to name the user of the grant.
func (m *Manager) verifyGrant(ctx context.Context, g *Grant) error {
	token, err := m.upstream.VerifyReceived(ctx, g.JWT.Reveal())
	expired := errors.Is(err, ErrJWTExpired) && token != nil
	switch {
	case errors.Is(err, ErrUnavailable):
		return err
	case expired && token.ExpiresAt.After(g.ReceivedAt):
		// It was valid when it arrived, and its refresh token still works.
	case errors.Is(err, ErrOtherProject):
		// Upstream has exchanged a token of another project.
		return &UpstreamError{Kind: ErrRefused, Op: "refresh", Uncertain: true, Err: err}
	case err != nil:
		return &UpstreamError{Kind: ErrMalformed, Op: "refresh", Err: err}
	}
	if token.UserID != g.User.ID {
		return &UpstreamError{Kind: ErrMalformed, Op: "refresh", Err: errUserMismatch}
	}
	if !expired { // else the session is refreshed again, see Manager.fetch
		g.token = token
	}
	return nil
}

// revokeGrant logs a grant out whose user logged out during the refresh.
func (m *Manager) revokeGrant(ctx context.Context, g *Grant) {
	ctx, cancel := context.WithTimeout(ctx, m.config.LogoutTimeout)
	defer cancel()
	err := m.logoutUpstream(ctx, g.RefreshToken.Secret, caller{trusted: true})
	e := event.Event{
		Outcome: event.Revoked, Op: "logout", UserID: g.User.ID, Token: m.hasher.fingerprint(g.RefreshToken.Secret),
		Err: err, UpstreamStatus: statusOf(err),
	}
	if err != nil && !isDefiniteRefusal(err) { // a refused token has ended already
		e.Outcome = event.RevokeFailed
		m.revokeLater(g.RefreshToken.Secret, g.User.ID, err)
	}
	m.report(ctx, e)
}

// retry makes an upstream call, again where that can do no harm. Timeouts and
// complete responses are final.
func retry(ctx context.Context, call func(context.Context) error) error {
	started := time.Now()
	unsent, incomplete := 0, 0
	for {
		err := call(ctx)
		if err == nil {
			return nil
		}
		var up *UpstreamError
		if !errors.As(err, &up) {
			return err
		}
		switch {
		case up.NotSent && unsent < maxUnsentRetries && time.Since(started) < unsentRetryTime:
			unsent++
			if !backoff.Sleep(ctx, backoff.Jitter(unsentRetryDelay<<unsent)) {
				return err
			}
		case up.Incomplete && incomplete < maxIncompleteRetries:
			incomplete++
		default:
			return err
		}
	}
}
