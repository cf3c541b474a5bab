package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/session/event"
)

const (
	// refreshRetryDelay is the first delay of [Manager.Refresh] before it asks
	// an overloaded upstream again; each next delay is twice as long.
	refreshRetryDelay = 250 * time.Millisecond
	// maxTokensPerRequest bounds the distinct refresh tokens of one request that
	// upstream is asked about.
	maxTokensPerRequest = 2
	// maxRepeatedRefreshes bounds the cached grants that are exchanged again
	// for one request, because their JWT has expired or lost its key meanwhile.
	maxRepeatedRefreshes = 3
)

// Refresh renews a session whatever the state of its JWT. It is the documented
// handleCustomRefresh. The token is one that does not come from the cookies,
// such as the one-time secret of a sign-in; it takes precedence over the
// material. The zero Secret means that there is none. [Result.Renewed] has to be
// stored with the user.
//
// While upstream is unavailable Refresh retries within Config.RefreshBudget. If
// the JWT of the material is still valid after that, the Result has that Session
// and nothing Renewed.
//
// Errors are as in [Manager.Authenticate]. With an empty Material an error says
// nothing about the browser's cookies: don't delete them.
func (m *Manager) Refresh(ctx context.Context, material Material, token Secret) (Result, error) {
	o := newOperation(m, "refresh")
	result, err := m.refresh(ctx, o, material, token)
	return o.finish(ctx, result, err)
}

func (m *Manager) refresh(ctx context.Context, o *operation, material Material, token Secret) (Result, error) {
	budget, cancel := context.WithTimeout(ctx, m.config.RefreshBudget)
	defer cancel()
	var cookies []candidate
	received := !token.IsZero() && m.limiters.isReceived(m.hasher.key(token))
	result, err := retryUnavailable(budget, func() (result Result, err error) {
		result, cookies, err = m.refreshOnce(budget, o, material, token)
		return result, err
	})
	if !token.IsZero() && result.Renewed != nil {
		result.Renewed.Used = Pair{} // it did not come from a cookie
		result.Renewed.replaced = m.replacedBy(result.Renewed.Grant, token, cookies, o.shared)
		o.signIn = o.signIn || !received && !m.haveSession(cookies, token, result.Renewed.Grant)
	}
	if errors.Is(err, ErrUnavailable) && !isAskAgain(err) && concernsCookies(cookies, token) {
		if stale, ok := m.staleSession(ctx, cookies); ok {
			return stale, nil
		}
	}
	return result, err
}

// refreshOnce makes one try to refresh. It returns the pairs of the material, too.
func (m *Manager) refreshOnce(ctx context.Context, o *operation, material Material, token Secret) (Result, []candidate, error) {
	cookies, foreign := m.verifyAll(ctx, &material)
	if len(cookies) > 0 {
		o.primary = cookies[0]
	}
	o.presented(&material)
	candidates := cookies
	if !token.IsZero() {
		candidates = []candidate{bodyCandidate(cookies, token)}
		o.keepCookies = o.keepCookies || !holdOnly(cookies, token)
	}
	hasToken := slices.ContainsFunc(candidates, func(c candidate) bool { return !c.RefreshToken.IsZero() })
	switch {
	case !hasToken && foreign != nil:
		return Result{}, cookies, notAuthenticated(messageNotValid, foreign)
	case !hasToken:
		return Result{}, cookies, notAuthenticated(messageNoTokenAtAll, errRefreshTokenMissing)
	}
	if err := firstUnavailable(candidates); err != nil && !o.primary.isSigned() {
		return Result{}, cookies, err
	}
	result, err := m.renew(ctx, o, candidates)
	return result, cookies, err
}

// retryUnavailable calls f, and again while upstream is unavailable, until ctx ends.
func retryUnavailable(ctx context.Context, f func() (Result, error)) (Result, error) {
	for delay := refreshRetryDelay; ; delay *= 2 {
		result, err := f()
		var up *UpstreamError
		if err == nil || !errors.As(err, &up) || !up.retryable() {
			return result, err
		}
		if !backoff.SleepWithin(ctx, max(backoff.Jitter(delay), up.RetryAfter)) {
			return result, err
		}
	}
}

// SignIn exchanges the one-time secret of a sign-in. The new session replaces those
// that the browser brought: with its delivery, see [Renewal.Delivered], their tokens
// are logged out, here at once and at upstream in the background. Then a late
// response to an earlier request can neither restore nor delete a session. An error
// says nothing about the browser's cookies: don't delete them.
//
// The secret has to come from upstream, or the caller has to limit the requests that
// present one: it passes the limiter for refresh tokens without a JWT.
func (m *Manager) SignIn(ctx context.Context, material Material, secret Secret) (Result, error) {
	o := newOperation(m, "sign_in")
	o.trusted, o.signIn = true, true
	result, err := m.refresh(ctx, o, Material{}, secret)
	if err == nil && result.Renewed != nil {
		verifyCtx, stop := m.logoutVerifyContext(ctx)
		cookies, _ := m.verifyAll(verifyCtx, &material)
		stop()
		result.Renewed.replaced = m.replacedBy(result.Renewed.Grant, secret, cookies, o.shared)
	}
	return o.finish(ctx, result, err)
}

// haveSession reports whether one of the cookies belongs to the session of grant,
// which token was exchanged for.
func (m *Manager) haveSession(cookies []candidate, token Secret, grant *Grant) bool {
	return slices.ContainsFunc(cookies, func(c candidate) bool {
		return c.RefreshToken.Equal(token) || m.coordinator.leadsTo(c.RefreshToken, grant)
	})
}

// replacedBy returns the cookies that a sign-in with secret replaces: those that do
// not belong to the session of its grant. A cached grant may follow a cookie of the
// same user by rotations that only other instances know, so it replaces only those
// of other users.
func (m *Manager) replacedBy(grant *Grant, secret Secret, cookies []candidate, cached bool) []candidate {
	return slices.DeleteFunc(slices.Clone(cookies), func(c candidate) bool {
		sameUser := c.user() == grant.User.ID
		switch {
		case sameUser && (cached || c.RefreshToken.IsZero()):
			return true
		case cached && c.user() == "":
			return true
		}
		return c.RefreshToken.Equal(secret) || m.coordinator.leadsTo(c.RefreshToken, grant)
	})
}

// endInBackground logs sessions out: here at once, and at upstream in the background.
func (m *Manager) endInBackground(ctx context.Context, ended []candidate) {
	if len(ended) == 0 {
		return
	}
	for i := range ended {
		ended[i].Pair = Pair{JWT: ended[i].JWT.clone(), RefreshToken: ended[i].RefreshToken.clone()}
		if !ended[i].RefreshToken.IsZero() {
			m.coordinator.markLoggedOut(ended[i].RefreshToken)
		}
	}
	m.coordinator.inBackground(func() {
		ctx, cancel := m.coordinator.detach(ctx, m.config.LogoutTimeout)
		defer cancel()
		_ = m.logout(ctx, ended, Secret{}) // reported
	})
}

// bodyCandidate pairs a token with the correctly signed JWT that it came with,
// if there is one.
func bodyCandidate(cookies []candidate, token Secret) candidate {
	c := candidate{Pair: Pair{RefreshToken: token}, err: errNoJWT}
	for i := range cookies {
		if !cookies[i].RefreshToken.IsZero() && !cookies[i].RefreshToken.Equal(token) {
			continue
		}
		if cookies[i].isSigned() {
			c.token, c.err, c.limits = cookies[i].token, cookies[i].err, cookies[i].limits
			break
		}
		c.limits = cmp.Or(c.limits, cookies[i].limits)
	}
	return c
}

// holdOnly reports whether the cookies hold the token from the body, and no other.
func holdOnly(cookies []candidate, token Secret) bool {
	other := func(c candidate) bool { return !c.RefreshToken.Equal(token) }
	return len(cookies) > 0 && !slices.ContainsFunc(cookies, other)
}

// concernsCookies reports whether the fate of a token from the body is that of
// the cookies: there is no such token, or the cookies hold neither another token
// nor a valid JWT.
func concernsCookies(cookies []candidate, token Secret) bool {
	if token.IsZero() {
		return true
	}
	return !slices.ContainsFunc(cookies, func(c candidate) bool {
		return !c.RefreshToken.Equal(token) && (!c.RefreshToken.IsZero() || c.err == nil)
	})
}

// staleSession returns the session that the browser already has, if its JWT is
// still valid or, with Config.StaleFor, has expired a short time ago.
func (m *Manager) staleSession(ctx context.Context, cookies []candidate) (Result, bool) {
	if len(cookies) == 0 || !cookies[0].isSigned() || cookies[0].RefreshToken.IsZero() {
		return Result{}, false
	}
	c := m.verifyPair(ctx, cookies[0].Pair, time.Now()) // again: it may have expired meanwhile
	stale := errors.Is(c.err, ErrJWTExpired)
	if c.err != nil && !(stale && time.Since(c.expiresAt()) < m.config.StaleFor) {
		return Result{}, false
	}
	result := m.accept(&c)
	if stale {
		result.Stale, result.outcome.failure = true, &failure{err: ErrJWTExpired}
	}
	return result, true
}

var errEarlyData = errors.New("the request came in TLS early data")

func isTooEarly(err error) bool {
	var up *UpstreamError
	return errors.As(err, &up) && up.TooEarly
}

// renew exchanges the first refresh token among the candidates that upstream
// does not reject.
func (m *Manager) renew(ctx context.Context, o *operation, candidates []candidate) (Result, error) {
	if o.earlyData {
		return Result{}, &UpstreamError{Op: "refresh", TooEarly: true, Err: errEarlyData}
	}
	var rejected rejections
	for i := range candidates {
		c := &candidates[i]
		if c.RefreshToken.IsZero() || rejected.contains(c.RefreshToken) {
			continue
		}
		if rejected.asked >= maxTokensPerRequest {
			rejected.uncertain = true // upstream was not asked about the rest
			break
		}
		shared, token, err := m.fetch(ctx, o, c)
		if err == nil {
			return m.renewed(ctx, o, token, shared, &Renewal{Used: c.Pair, presented: c.token}), nil
		}
		if !rejected.add(c.RefreshToken, shared, err) {
			return Result{}, err
		}
	}
	if err := firstUnavailable(candidates); err != nil {
		return Result{}, err // another pair may be good
	}
	return Result{}, m.refusalError(o, &rejected)
}

// fetch gets the grant that follows the refresh token of c, with a valid JWT.
func (m *Manager) fetch(ctx context.Context, o *operation, c *candidate) (Shared, *Token, error) {
	calls := m.upstreamCalls(caller{c.user(), c.limits, o.trusted})
	if o.refusedMomentsAgo() {
		calls.refusedBefore = c.RefreshToken
	}
	refreshToken := c.RefreshToken
	for range maxRepeatedRefreshes {
		o.lastToken = refreshToken
		shared, err := m.coordinator.Do(ctx, refreshToken, calls)
		o.shared = shared.Cached
		if err != nil {
			return shared, nil, timeoutError(ctx, err)
		}
		if shared.Grant.token != nil && !shared.Cached {
			return shared, shared.Grant.token, nil // verified a moment ago
		}
		token, err := m.verifyShared(ctx, shared.Grant)
		if !jwtUnusable(err) {
			return shared, token, timeoutError(ctx, err)
		}
		refreshToken = shared.Grant.RefreshToken.Secret
	}
	return Shared{}, nil, &UpstreamError{Kind: ErrMalformed, Op: "refresh", Err: errors.New("received JWTs are already expired; check the clocks")}
}

// verifyShared verifies the JWT of a grant that was fetched for another call. It
// was valid then: if it is invalid now, its user has logged out meanwhile.
func (m *Manager) verifyShared(ctx context.Context, g *Grant) (*Token, error) {
	token, err := m.upstream.VerifyReceived(ctx, g.JWT.Reveal())
	switch {
	case err == nil && m.denied.check(token) != nil:
		return nil, ErrLoggedOut
	case err == nil, errors.Is(err, ErrUnavailable), jwtUnusable(err):
		return token, err
	default:
		return nil, ErrLoggedOut
	}
}

// renewed returns the result of a refresh. It reports a user that differs from
// the one of the expired JWT.
func (m *Manager) renewed(ctx context.Context, o *operation, token *Token, shared Shared, renewal *Renewal) Result {
	result := m.newResult(token, shared.Grant.RefreshToken)
	renewal.Grant, renewal.StartedAt, renewal.manager, renewal.key, renewal.token = shared.Grant, o.started, m, shared.key, token
	result.Renewed, result.outcome.renewed = renewal, renewal
	if before := o.primary.user(); before != "" && before != token.UserID {
		m.report(ctx, event.Event{
			Outcome: event.UserChanged, Op: o.op, UserID: token.UserID, Token: m.hasher.fingerprint(o.lastToken),
			Err: fmt.Errorf("the JWT's sub was %+q", before),
		})
	}
	return result
}

// The early refresh happens in the last part of a JWT's life, so that usually no
// request has to wait for a refresh.
const (
	// maxEarlyWindow is the longest such part. A short-lived JWT has a tenth of
	// its life.
	maxEarlyWindow      = 30 * time.Second
	earlyWindowFraction = 10
)

// refreshIsDue reports whether the JWT of c is valid, but not for long after now. A JWT
// without an issue time has no early refresh.
func (c *candidate) refreshIsDue(now time.Time) bool {
	if c.err != nil || c.RefreshToken.IsZero() || c.token.IssuedAt.IsZero() {
		return false
	}
	remaining := c.token.ExpiresAt.Sub(now)
	return remaining < maxEarlyWindow && remaining < c.token.ExpiresAt.Sub(c.token.IssuedAt)/earlyWindowFraction
}

// refreshEarly tries to renew a session that is still valid. If that does not
// succeed in a short time, it accepts the session as it is. It never deletes
// anything.
func (m *Manager) refreshEarly(ctx context.Context, o *operation, c *candidate) (Result, error) {
	key := m.hasher.key(c.RefreshToken)
	if o.earlyData || m.backoff.hasEarly(key) {
		return m.accept(c), nil
	}
	timeout := m.config.EarlyRefreshTimeout
	if m.config.Coordinator == nil {
		timeout = m.config.RefreshTimeout // another process would not find the result
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	shared, token, err := m.fetch(ctx, o, c)
	if err == nil {
		return m.renewed(ctx, o, token, shared, &Renewal{Used: c.Pair, presented: c.token}), nil
	}
	if ctx.Err() == nil { // else the refresh goes on, and the next request finds its result
		m.backoff.addEarly(key)
		m.report(ctx, event.Event{
			Outcome: event.EarlyRefreshFailed, Op: o.op, UserID: c.token.UserID, Token: m.hasher.fingerprint(c.RefreshToken), Err: err,
		})
	}
	return m.accept(c), nil
}
