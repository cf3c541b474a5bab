package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/session/event"
)

// logoutRetryDelay is the first delay before upstream's logout is tried again; each
// next delay is twice as long.
const logoutRetryDelay = 250 * time.Millisecond

// Logout ends the sessions that the request presents. Their JWTs are denied
// until they expire: in this process, and in the whole fleet where
// Config.Coordinator is a [DenyListBroadcaster]. Refresh tokens and their known
// descendants are revoked at upstream, within Config.LogoutTimeout; a failure that
// may pass is tried again. Tokens beside a correctly signed JWT that upstream does not
// receive in that time are sent again in the background, for an hour. The grant of a
// refresh that ends later is revoked, too.
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
			m.connections.closeAll(userDigest(cookies[i].user()))
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// LogoutUser ends all sessions of a user that began before now, and their
// connections: in this process, until it ends, and for 30 days in the whole fleet
// where Config.Coordinator is a [DenyListBroadcaster]. Use it when an account is
// closed or taken over. A JWT is denied if it was issued (RFC 7519 §4.1.6) up to the
// present second, by upstream's clock; one without an issue time always is. The
// refresh token beside such a JWT is revoked when it comes, because upstream ends no
// session by its user. A refresh token that comes without its JWT names no user, and
// works.
//
// The user can sign in again from the next second on. An error means that userID is
// empty, or that the store of the fleet could not be told yet.
func (m *Manager) LogoutUser(ctx context.Context, userID string) error {
	if userID == "" {
		return errors.New("session: LogoutUser: the user ID is empty")
	}
	user := userDigest(userID)
	err := m.denyInFleet(ctx, denial{user, time.Now().Add(userDenialTTL)})
	m.connections.closeAll(user)
	e := event.Event{Outcome: event.LoggedOut, Op: "logout_user", UserID: userID}
	if err != nil {
		e.Outcome, e.Err = event.LogoutNotShared, err
	}
	m.report(ctx, e)
	return err
}

// logoutVerifyContext returns the context for verifying JWTs during a logout.
// Keys that cannot be fetched must not use up the time of upstream's own logout.
func (m *Manager) logoutVerifyContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, m.config.LogoutTimeout/3)
}

// logoutToken is a refresh token to log out.
type logoutToken struct {
	token  Secret
	caller caller
}

// logoutTokens returns the refresh tokens to log out, the most relevant first.
func logoutTokens(cookies []candidate, token Secret) (tokens []logoutToken) {
	add := func(c *candidate) {
		known := func(other logoutToken) bool { return other.token.Equal(c.RefreshToken) }
		if !c.RefreshToken.IsZero() && len(tokens) < maxTokensPerRequest && !slices.ContainsFunc(tokens, known) {
			tokens = append(tokens, logoutToken{c.RefreshToken, caller{user: c.user(), limits: c.limits}})
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
	upstreamErr := recoverPanic(ctx, m.report, "logout", func() error { return m.revoke(ctx, latest, t.caller) })
	err := errors.Join(storeErr, upstreamErr)
	e := event.Event{
		Outcome: event.LoggedOut, Op: "logout", UserID: t.caller.user, Token: m.hasher.fingerprint(t.token),
		Err: err, UpstreamStatus: statusOf(upstreamErr), Latency: time.Since(started),
	}
	switch {
	case upstreamErr != nil && !isDefiniteRefusal(upstreamErr):
		e.Outcome = event.LogoutFailed
		if user := t.caller.limits.id; user != "" { // a token without a signed JWT may be forged
			m.revokeLater(latest, user, upstreamErr)
		}
	case storeErr != nil:
		e.Outcome = event.LogoutNotShared
	case upstreamErr != nil:
		e.Outcome, err = event.LogoutRejected, nil
	}
	m.report(ctx, e)
	return err
}

// isDefiniteRefusal reports whether upstream itself has rejected a token.
func isDefiniteRefusal(err error) bool {
	var up *UpstreamError
	return errors.As(err, &up) && up.kind() == ErrRefused && !up.Uncertain //nolint:errorlint // Kind is one of three sentinels
}

// statusOf returns the HTTP status of a failed upstream call, or 0.
func statusOf(err error) int {
	if err == nil {
		return 0
	}
	var up *UpstreamError
	if errors.As(err, &up) {
		return up.Status
	}
	return 0
}

// endLocally leaves tombstones for a token, its descendants and the tokens before
// it, denies their JWTs, closes the connections that they opened, and returns the
// latest token.
func (m *Manager) endLocally(ctx context.Context, token Secret) (latest Secret, err error) {
	descendants, err := m.coordinator.Logout(ctx, token)
	verifyCtx, stop := m.logoutVerifyContext(ctx)
	defer stop()
	for _, g := range descendants {
		c := m.verifyPair(verifyCtx, Pair{JWT: g.JWT}, time.Now())
		m.deny(ctx, &c)
		m.connections.closeAll(userDigest(g.User.ID))
		token = g.RefreshToken.Secret
	}
	for _, jwt := range m.coordinator.issuedWith(token) {
		if until, ok := unverifiedExpiry(jwt); ok { // upstream has sent it
			_ = m.denyInFleet(ctx, denial{signingInputDigest(jwt), until}) // reported by the coordinator
		}
	}
	return token, err
}

// revoke makes upstream end a token, and closes the connections of the user whose
// signed JWT came with it.
func (m *Manager) revoke(ctx context.Context, token Secret, c caller) error {
	err := m.logoutUpstream(ctx, token, c)
	if err == nil && c.user != "" {
		m.connections.closeAll(userDigest(c.user))
	}
	return err
}

// logoutUpstream makes upstream end a token. Until ctx ends, it tries again what
// may pass. Each try has to pass the limiters, which bound the calls at once.
func (m *Manager) logoutUpstream(ctx context.Context, token Secret, c caller) error {
	for delay := logoutRetryDelay; ; delay *= 2 {
		err := m.logoutOnce(ctx, token, c)
		var up *UpstreamError
		if err == nil || !errors.As(err, &up) || !up.retryable() && !up.Incomplete {
			return err
		}
		if !backoff.SleepWithin(ctx, max(backoff.Jitter(delay), up.RetryAfter)) {
			return err
		}
	}
}

func (m *Manager) logoutOnce(ctx context.Context, token Secret, c caller) error {
	if !c.trusted {
		release, ok := m.limiters.acquireLogout(ctx, c)
		if !ok {
			return errOverloaded("logout", "too many logouts are running")
		}
		defer release()
	}
	return m.upstream.Logout(ctx, token)
}
