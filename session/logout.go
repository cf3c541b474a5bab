package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Logout ends the sessions that the request presents. The JWTs are denied until
// they expire: in this process, and in the whole fleet where Config.Coordinator
// is a [Denier]. Refresh tokens, and what is known to follow them, are revoked
// upstream in one try of at most Config.LogoutPatience. A refresh in flight
// that ends later has what it got revoked. Token is one that no cookie
// brought; the zero Secret means none.
//
// Of several refresh tokens the one given apart and those beside a correctly
// signed JWT go first, and two are revoked at the most: a browser has one, and
// one more while names change.
//
// Clear the cookies whatever Logout returns: an error means that upstream
// could not be told, which the event reports as well. The client's going away
// does not stop it.
func (m *Manager) Logout(ctx context.Context, presented Material, token Secret) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.config.LogoutPatience)
	defer cancel()
	var cookies []candidate
	if n := presented.place.node(); n != nil {
		judging, stop := m.judging(ctx)
		cookies = m.rank(judging, n, m.candidate(judging, n.presented(), n.source))
		stop()
	}
	leaving := leavers(cookies, token)
	errs := make([]error, len(leaving))
	var all sync.WaitGroup
	for i, l := range leaving {
		all.Go(func() { errs[i] = m.leave(ctx, l) })
	}
	for i := range cookies {
		if !cookies[i].jwt.IsZero() {
			m.deny(ctx, cookies[i].jwt.Reveal())
		}
		if cookies[i].signed() {
			m.live.end(cookies[i].token.UserID)
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// judging returns a context for judging JWTs during a logout: keys that cannot
// be fetched must not use up the time that upstream's own logout needs.
func (m *Manager) judging(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, m.config.LogoutPatience/3)
}

// leaver is a refresh token that is logged out.
type leaver struct {
	token  Secret
	signed bool   // whether it came beside a correctly signed JWT
	user   string // whom that names
}

func leaverOf(c *candidate) leaver {
	return leaver{c.refresh.Clone(), c.signed(), c.token.UserID}
}

// leavers returns the refresh tokens that a logout is about, in the order in
// which they count.
func leavers(cookies []candidate, token Secret) (leaving []leaver) {
	add := func(l leaver) {
		known := func(other leaver) bool { return other.token.Equal(l.token) }
		if !l.token.IsZero() && len(leaving) < maxAsked && !slices.ContainsFunc(leaving, known) {
			leaving = append(leaving, l)
		}
	}
	if !token.IsZero() {
		own := bodyCandidate(cookies, token)
		add(leaverOf(&own))
	}
	for i := range cookies {
		add(leaverOf(&cookies[i]))
	}
	return leaving
}

// leave logs one token out, here and upstream, and reports it.
func (m *Manager) leave(ctx context.Context, l leaver) error {
	started := time.Now()
	newest := l.token
	err := errors.Join(
		m.coordinator.contain(ctx, "logout", func() (err error) { newest, err = m.end(ctx, l.token); return err }),
		m.coordinator.contain(ctx, "logout", func() error { return m.revokeOnce(ctx, newest, l.signed) }),
	)
	e := Event{Outcome: LoggedOut, Op: "logout", UserID: l.user, Token: m.hasher.name(l.token), Err: err, Latency: time.Since(started)}
	if err != nil {
		e.Outcome = LogoutFailed
	}
	var up *UpstreamError
	if errors.As(err, &up) {
		e.UpstreamStatus = up.Status
	}
	m.report(ctx, e)
	return err
}

// end ends a token here: it marks it and what follows it, denies the JWTs of
// what follows, ends what was opened with them, and returns the newest token.
func (m *Manager) end(ctx context.Context, token Secret) (newest Secret, err error) {
	followers, err := m.coordinator.Logout(ctx, token)
	judging, stop := m.judging(ctx)
	defer stop()
	for _, g := range followers {
		m.deny(judging, g.JWT.Reveal())
		m.live.end(g.User.ID)
		token = g.RefreshToken.Secret
	}
	return token, err
}

// revokeOnce has upstream end a token, in one try. Those that may be made up
// wait for one of a few places with it; they cost no draws, since a logout must
// not fail for a crowd of others.
func (m *Manager) revokeOnce(ctx context.Context, token Secret, signed bool) error {
	if !signed {
		if !m.leaving.enter(ctx) {
			return busy("logout", "too many logouts without a signed JWT are running")
		}
		defer m.leaving.leave(false)
	}
	if err := m.upstream.Logout(ctx, token); !failed(err, Refused) {
		return err
	}
	return nil // it is over already
}
