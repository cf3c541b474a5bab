package session

import (
	"context"
	"errors"
	"slices"
	"time"
)

// refreshPause is the first pause of [Manager.Refresh] before it asks an
// upstream again that is overloaded; each next one is twice as long.
const refreshPause = 250 * time.Millisecond

// Refresh renews a session whatever the state of its JWT, the documented
// handleCustomRefresh. A token that does not come from the cookies, such as
// the one-time secret of a login, goes before those of the material; the zero
// Secret means that there is none. [Result.Renewed] must be stored with the
// user.
//
// While upstream is unavailable Refresh tries again within
// Config.RefreshBudget. After that a JWT of the material's that still holds is
// an answer: the Result then has a Session and nothing Renewed.
//
// Errors are as in [Manager.Authenticate]. One that was got without the
// browser's cookies, since the material was empty, does not speak of them: do
// not clear cookies for it.
func (m *Manager) Refresh(ctx context.Context, presented Material, token Secret) (Result, error) {
	a := newAttempt("refresh", presented.place.node())
	result, err := m.refresh(ctx, a, token)
	return m.conclude(ctx, a, result, err)
}

func (m *Manager) refresh(ctx context.Context, a *attempt, token Secret) (Result, error) {
	patient, cancel := context.WithTimeout(ctx, m.config.RefreshBudget)
	defer cancel()
	var cookies []candidate
	if a.node != nil {
		cookies = m.rank(patient, a.node, m.candidate(patient, a.node.presented(), a.node.source))
		a.best = cookies[0]
	}
	candidates := cookies
	if !token.IsZero() {
		candidates = []candidate{bodyCandidate(cookies, token)}
	}
	if !slices.ContainsFunc(candidates, func(c candidate) bool { return !c.refresh.IsZero() }) {
		return Result{}, notAuthenticated(messageNoTokenAtAll, ErrRefreshTokenMissing)
	}
	if err := undecided(candidates); err != nil && !a.best.signed() {
		return Result{}, err
	}
	result, err := m.renewPatiently(patient, a, candidates)
	switch {
	case errors.Is(err, ErrUnavailable) && ownToken(cookies, token):
		if kept, ok := m.keptSession(ctx, a, cookies); ok {
			return kept, nil
		}
	case !ownToken(cookies, token):
		keepCookies(err)
	}
	return result, err
}

// bodyCandidate pairs a token with the correctly signed JWT that it came
// with, if any.
func bodyCandidate(cookies []candidate, token Secret) candidate {
	c := candidate{pair: pair{refresh: token}, source: SourceBody, verdict: errNoJWT}
	for i := range cookies {
		if cookies[i].signed() && (cookies[i].refresh.IsZero() || cookies[i].refresh.Equal(c.refresh)) {
			c.token, c.verdict = cookies[i].token, cookies[i].verdict
			break
		}
	}
	return c
}

// ownToken reports whether a token from elsewhere is none, or one that the
// cookies hold, too, or has no rival among them, neither another token nor a
// valid JWT: only then does what becomes of it concern the cookies.
func ownToken(cookies []candidate, token Secret) bool {
	if token.IsZero() {
		return true
	}
	return !slices.ContainsFunc(cookies, func(c candidate) bool {
		return !c.refresh.Equal(token) && (!c.refresh.IsZero() || c.verdict == nil)
	})
}

// keepCookies takes a 401 for what it is: it speaks of another token than the
// cookies hold.
func keepCookies(err error) {
	var rejected *AuthenticationError
	if errors.As(err, &rejected) {
		rejected.Clear = false
	}
}

// renewPatiently renews, and asks an upstream that cannot be reached or is
// overloaded again until ctx ends.
func (m *Manager) renewPatiently(ctx context.Context, a *attempt, candidates []candidate) (Result, error) {
	for step := refreshPause; ; step *= 2 {
		result, err := m.renew(ctx, a, candidates)
		var up *UpstreamError
		if err == nil || !errors.As(err, &up) || !up.passing() {
			return result, err
		}
		wait := max(jitter(step), up.RetryAfter)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait || !pause(ctx, wait) {
			return result, err
		}
	}
}

// passing reports whether a call failed in a way that may pass, and that
// another try cannot make worse: nothing was sent, or upstream answered that it
// cannot answer now.
func (e *UpstreamError) passing() bool {
	return e.Kind == Unavailable && (e.Delivery == NotSent || e.Delivery == Answered && (e.Status == 429 || e.Status >= 500))
}

// keptSession returns the session that the browser already has, if its JWT
// still holds, or, by Config.StaleFor, has not ended long ago.
func (m *Manager) keptSession(ctx context.Context, a *attempt, cookies []candidate) (Result, bool) {
	if len(cookies) == 0 || !cookies[0].signed() || cookies[0].refresh.IsZero() {
		return Result{}, false
	}
	c := m.candidate(ctx, cookies[0].pair, cookies[0].source) // again: it may have ended meanwhile
	stale := errors.Is(c.verdict, ErrJWTExpired)
	if c.verdict != nil && !(stale && -c.remaining() < m.config.StaleFor.Milliseconds()) {
		return Result{}, false
	}
	result := m.admit(a.node, &c)
	result.Stale = stale
	if stale {
		result.place.node().settle(m, ErrJWTExpired)
	}
	return result, true
}
