package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Logout ends the sessions that the request presents. The JWTs are denied in
// this process until they expire; refresh tokens, and what is known to follow
// them, are revoked upstream in one try of at most Config.LogoutPatience. A
// refresh in flight that ends later has what it got revoked.
//
// Clear the cookies whatever Logout returns: an error means that upstream
// could not be told, which the event reports as well. The client's going away
// does not stop it.
func (m *Manager) Logout(ctx context.Context, presented Material, token Secret) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.config.LogoutPatience)
	defer cancel()
	tokens := refreshTokens(presented, token)
	var errs []error
	var followers []*Grant
	for i, t := range tokens {
		grants, err := m.coordinator.Logout(ctx, t)
		errs = append(errs, err)
		if len(grants) > 0 {
			tokens[i] = grants[len(grants)-1].RefreshToken.Secret
		}
		followers = append(followers, grants...)
	}
	revoked := m.revokeAll(ctx, tokens)
	for _, p := range presented.pairs() {
		if p.jwt != "" {
			m.upstream.Deny(ctx, p.jwt)
		}
	}
	for _, g := range followers {
		m.upstream.Deny(ctx, g.JWT.Reveal())
	}
	return errors.Join(append(errs, <-revoked)...)
}

// refreshTokens returns the distinct refresh tokens that a logout is about,
// two at the most: a browser has one, and one more while names change.
func refreshTokens(presented Material, token Secret) (tokens []Secret) {
	add := func(t Secret) {
		if !t.IsZero() && len(tokens) < maxAsked && !slices.ContainsFunc(tokens, t.Equal) {
			tokens = append(tokens, t)
		}
	}
	for _, p := range presented.pairs() {
		add(NewSecret(p.refresh))
	}
	add(token)
	return tokens
}

// revokeAll has upstream end the tokens, all at once, and gives the joined
// error when it is done.
func (m *Manager) revokeAll(ctx context.Context, tokens []Secret) <-chan error {
	done := make(chan error, 1)
	go func() {
		errs := make([]error, len(tokens))
		var all sync.WaitGroup
		for i, token := range tokens {
			all.Go(func() {
				errs[i] = m.coordinator.contain(ctx, func() error { return m.endToken(ctx, token) })
			})
		}
		all.Wait()
		done <- errors.Join(errs...)
	}()
	return done
}

// endToken has upstream end one token, in one try, and reports it.
func (m *Manager) endToken(ctx context.Context, token Secret) error {
	started := time.Now()
	err := m.upstream.Logout(ctx, token)
	if failed(err, Refused) {
		err = nil // it is over already
	}
	e := Event{Outcome: LoggedOut, Op: "logout", Token: m.hasher.name(token), Err: err, Latency: time.Since(started)}
	if err != nil {
		e.Outcome = LogoutFailed
		var up *UpstreamError
		if errors.As(err, &up) {
			e.UpstreamStatus = up.Status
		}
	}
	m.report(ctx, e)
	return err
}
