package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

const (
	// maxAsked bounds how many distinct refresh tokens of one request
	// upstream is asked about.
	maxAsked = 2
	// maxHops bounds how many grants that are over meanwhile, by their time
	// or their key, are exchanged on for one request.
	maxHops = 3
)

// renew exchanges the first refresh token among the candidates that upstream
// does not refuse.
func (m *Manager) renew(ctx context.Context, a *attempt, candidates []candidate) (Result, error) {
	refused := refusals{doubts: m.keyGuard.doubts}
	for i := range candidates {
		c := &candidates[i]
		if c.refresh.IsZero() || refused.hold(c.refresh) {
			continue
		}
		if refused.asked >= maxAsked {
			refused.keep = true // those that nobody asked about may live
			break
		}
		shared, token, err := m.exchange(ctx, a, c)
		if err == nil {
			result := m.renewed(Renewal{shared.Grant, c.source, refused.sources(candidates)}, token)
			m.noticeChange(ctx, a, result.Session)
			return result, nil
		}
		if !refused.add(c, shared, err) {
			return Result{}, err
		}
		if failed(err, Refused) && refused.keep {
			break // the next is asked about only after a definite refusal
		}
	}
	return Result{}, refused.verdict()
}

// exchange gets the grant that follows c's refresh token and still holds.
func (m *Manager) exchange(ctx context.Context, a *attempt, c *candidate) (Shared, Token, error) {
	w := &work{m: m}
	if c.signed() {
		w.user = c.token.UserID
	}
	secret := c.refresh.Clone() // flights and stores may outlast the request
	for range maxHops {
		a.asked = secret
		shared, err := m.coordinator.Do(ctx, secret, w)
		a.shared = shared.Remembered
		if err != nil {
			return shared, Token{}, waited(ctx, err)
		}
		token, _, err := m.upstream.Judge(ctx, shared.Grant.JWT.Reveal(), true)
		switch {
		case err == nil:
			return shared, token, nil
		case errors.Is(err, ErrUnavailable):
			return shared, Token{}, waited(ctx, err)
		case errors.Is(err, ErrJWTNotYet):
			return shared, Token{}, &UpstreamError{Kind: Unavailable, Op: "refresh", Err: err}
		case !errors.Is(err, ErrJWTExpired) && !errors.Is(err, ErrJWTKeyUnknown):
			// It was judged when it came: since then its user has logged out.
			return shared, Token{}, ErrLoggedOut
		}
		secret = shared.Grant.RefreshToken.Secret
	}
	return Shared{}, Token{}, &UpstreamError{Kind: Malformed, Op: "refresh", Err: errors.New("every new JWT is over at once: look at the clocks")}
}

// waited puts the end of a caller's patience into the domain's words.
func waited(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return &UpstreamError{Kind: Unavailable, Delivery: TimedOut, Op: "refresh", Err: fmt.Errorf("still refreshing: %w", ctx.Err())}
}

// renewed returns the session of what was renewed.
func (m *Manager) renewed(r Renewal, token Token) Result {
	n := &node{fate: &usual}
	n.settle(m, nil)
	n.session = AuthSession{UserID: token.UserID, JWT: r.Grant.JWT, RefreshToken: r.Grant.RefreshToken}
	return Result{Session: &n.session, Renewed: &r, place: n.place()}
}

func (m *Manager) noticeChange(ctx context.Context, a *attempt, s *AuthSession) {
	if a.best.signed() && a.best.token.UserID != s.UserID {
		m.report(ctx, Event{Outcome: UserChanged, Op: a.op, UserID: s.UserID, Token: m.hasher.name(a.asked),
			Err: fmt.Errorf("the JWT's sub was %+q", a.best.token.UserID)})
	}
}

// refusals gathers the refresh tokens of a request that are dead.
type refusals struct {
	dead  []Secret // those that need not be tried again
	gone  []Secret // of them, those that upstream has refused for good
	asked int      // of them, how many upstream was asked about
	keep  bool     // whether a refusal is not to be believed
	last  error
	// doubts reports whether refusals are in doubt now: one that is
	// remembered may have been learnt before that.
	doubts func() bool
}

func (r *refusals) hold(token Secret) bool { return slices.ContainsFunc(r.dead, token.Equal) }

// add notes a definite no, and reports false for any other error.
func (r *refusals) add(c *candidate, shared Shared, err error) bool {
	var up *UpstreamError
	switch {
	case errors.Is(err, ErrLoggedOut):
		// The answer to the logout clears the cookies. This one may arrive
		// after a new login, and must not.
		r.keep = true
	case errors.As(err, &up) && up.Kind == Refused:
		r.keep = r.keep || up.Doubtful || shared.Remembered && r.doubts()
	default:
		return false
	}
	if !r.keep {
		r.gone = append(r.gone, c.refresh)
	}
	r.dead = append(r.dead, c.refresh)
	r.last = err
	if !shared.Remembered {
		r.asked++
	}
	return true
}

// sources names the pairs whose refresh token upstream has refused for good.
func (r *refusals) sources(candidates []candidate) (sources []int) {
	for i := range candidates {
		if slices.ContainsFunc(r.gone, candidates[i].refresh.Equal) {
			sources = append(sources, candidates[i].source)
		}
	}
	return sources
}

// verdict returns the error for a request all of whose tokens are dead.
func (r *refusals) verdict() error {
	err := notAuthenticated(messageNotValid, r.last)
	err.Clear = !r.keep
	return err
}
