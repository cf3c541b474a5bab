package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/session/event"
)

// Logout ends the sessions that the request presents. Their JWTs are denied
// until they expire: in this process, and in the whole fleet where
// Config.Coordinator is a [DenyListBroadcaster]. Refresh tokens and their known
// descendants are revoked at upstream, in one try of at most
// Config.LogoutTimeout. The grant of a refresh that ends later is revoked, too.
// The token is one that no cookie brought; the zero Secret means that there is
// none.
//
// Of several refresh tokens the given one and those beside a correctly signed
// JWT go first, and at most two are revoked: a browser has one, and one more
// while cookie names change.
//
// Delete the cookies also if Logout returns an error: it means that upstream or
// the store of a fleet could not be told, which the event reports as well
// ([event.LogoutFailed], [event.LogoutNotShared]). Only cookies of another
// project, for which the error is [ErrOtherProject], have to stay. A client that
// disconnects does not stop the logout.
func (m *Manager) Logout(ctx context.Context, material Material, token Secret) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.config.LogoutTimeout)
	defer cancel()
	verifyCtx, stop := m.logoutVerifyContext(ctx)
	cookies, foreign := m.verifyAll(verifyCtx, &material)
	stop()
	err := m.logout(ctx, cookies, token)
	if foreign != nil && len(cookies) == 0 {
		m.report(ctx, event.Event{Outcome: event.Rejected, Op: "logout", Err: foreign})
		return errors.Join(err, notAuthenticated(messageNotValid, foreign))
	}
	return err
}

func (m *Manager) logout(ctx context.Context, cookies []candidate, token Secret) error {
	tokens := logoutTokens(cookies, token)
	errs := make([]error, len(tokens))
	var wg sync.WaitGroup
	for i, t := range tokens {
		wg.Go(func() { errs[i] = m.logoutOne(ctx, t) })
	}
	for i := range cookies {
		m.deny(ctx, &cookies[i])
		if cookies[i].err == nil { // an expired JWT proves no session
			m.connections.closeAll(cookies[i].user())
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// logoutVerifyContext returns the context for verifying JWTs during a logout.
// Keys that cannot be fetched must not use up the time of upstream's own logout.
func (m *Manager) logoutVerifyContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, m.config.LogoutTimeout/3)
}

// logoutToken is a refresh token to log out.
type logoutToken struct {
	token Secret
	user  string // the "sub" of the correctly signed JWT beside it, or ""
}

// logoutTokens returns the refresh tokens to log out, the most relevant first.
func logoutTokens(cookies []candidate, token Secret) (tokens []logoutToken) {
	add := func(c *candidate) {
		known := func(other logoutToken) bool { return other.token.Equal(c.RefreshToken) }
		if !c.RefreshToken.IsZero() && len(tokens) < maxTokensPerRequest && !slices.ContainsFunc(tokens, known) {
			tokens = append(tokens, logoutToken{c.RefreshToken, c.user()})
		}
	}
	if !token.IsZero() {
		body := bodyCandidate(cookies, token)
		add(&body)
	}
	for i := range cookies {
		add(&cookies[i])
	}
	return tokens
}

// logoutOne logs one token out, here and at upstream, and reports it.
func (m *Manager) logoutOne(ctx context.Context, t logoutToken) error {
	started := time.Now()
	latest := t.token
	storeErr := recoverPanic(ctx, m.report, "logout", func() (err error) { latest, err = m.endLocally(ctx, t.token); return err })
	upstreamErr := recoverPanic(ctx, m.report, "logout", func() error { return m.revoke(ctx, latest, t.user) })
	err := errors.Join(storeErr, upstreamErr)
	e := event.Event{
		Outcome: event.LoggedOut, Op: "logout", UserID: t.user, Token: m.hasher.fingerprint(t.token), Err: err, Latency: time.Since(started),
	}
	var up *UpstreamError
	switch {
	case errors.As(upstreamErr, &up):
		e.Outcome, e.UpstreamStatus = event.LogoutFailed, up.Status
	case upstreamErr != nil:
		e.Outcome = event.LogoutFailed
	case storeErr != nil:
		e.Outcome = event.LogoutNotShared
	}
	m.report(ctx, e)
	return err
}

// endLocally leaves tombstones for a token and its descendants, denies their
// JWTs, closes the connections that they opened, and returns the latest token.
func (m *Manager) endLocally(ctx context.Context, token Secret) (latest Secret, err error) {
	descendants, err := m.coordinator.Logout(ctx, token)
	verifyCtx, stop := m.logoutVerifyContext(ctx)
	defer stop()
	for _, g := range descendants {
		c := m.verifyPair(verifyCtx, Pair{JWT: g.JWT}, time.Now())
		m.deny(ctx, &c)
		m.connections.closeAll(g.User.ID)
		token = g.RefreshToken.Secret
	}
	return token, err
}

// revoke makes upstream end a token, in one try. A token without a signed JWT
// may be forged: it waits for one of a few calls in flight. It uses up no tokens
// of the limiter, because a logout must not fail for a flood of others.
func (m *Manager) revoke(ctx context.Context, token Secret, user string) error {
	if user == "" {
		if !m.logoutLimiter.Acquire(ctx) {
			return errOverloaded("logout", "too many logouts without a signed JWT are running")
		}
		defer m.logoutLimiter.Release(true)
	}
	err := m.upstream.Logout(ctx, token)
	switch {
	case hasKind(err, ErrRefused):
		return nil // the token has ended already
	case err == nil && user != "":
		m.connections.closeAll(user)
	}
	return err
}
