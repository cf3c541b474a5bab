package crossminttest

import (
	"time"

	"github.com/crossmint-go/auth/session"
)

// A ReusePolicy says what becomes of a consumed refresh token that is
// presented again. Which one the live service has is not documented.
type ReusePolicy uint8

const (
	// ReuseGrace answers a token consumed less than [Config.Grace] ago with
	// the newest of its family, the same again and again: two tabs, or a
	// retry after a lost answer, do no harm. Later the token is refused.
	ReuseGrace ReusePolicy = iota
	// ReuseRefuse refuses it.
	ReuseRefuse
	// ReuseRevokesFamily refuses it and revokes the whole family: somebody
	// may have stolen the token.
	ReuseRevokesFamily
)

// A family is one sign-in: a refresh token and all that it was rotated into.
// Only the newest of them is not consumed.
type family struct {
	userID     string
	revoked    bool
	grant      session.Grant // the newest token, and what was issued with it
	jwtExpires time.Time
}

// live reports whether the newest token can be used.
func (f *family) live(now time.Time) bool {
	return !f.revoked && now.Before(f.grant.RefreshToken.ExpiresAt())
}

// A token is one refresh token. Consumed is zero for the newest of a family.
type token struct {
	family   *family
	consumed time.Time
}

// oneTimeSecretLifetime is short: a browser exchanges it at once.
const oneTimeSecretLifetime = 10 * time.Minute

// oneTimeSecret is what a login ends with; refresh exchanges it, once.
type oneTimeSecret struct {
	userID  string
	expires time.Time
}

// spend exchanges a refresh token or a one-time secret for a grant. It reports
// whether the secret was accepted.
func (s *Server) spend(secret string) (session.Grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if login, ok := s.oneTime[secret]; ok {
		delete(s.oneTime, secret)
		if expired(login.expires) {
			return session.Grant{}, false
		}
		return s.newFamily(login.userID).grant, true
	}
	t := s.tokens[secret]
	if !s.accepts(t, now) {
		if t != nil && !t.consumed.IsZero() && s.config.Reuse == ReuseRevokesFamily {
			t.family.revoked = true
		}
		return session.Grant{}, false
	}
	if t.consumed.IsZero() {
		t.consumed = now
		s.issue(t.family)
	}
	if !now.Before(t.family.jwtExpires) { // reuse, and a JWT shorter than the grace
		s.renewJWT(t.family)
	}
	return t.family.grant, true
}

// accepts reports whether refresh takes t now. For a consumed token its own
// grace is enough: those after it were consumed later. s.mu is held.
func (s *Server) accepts(t *token, now time.Time) bool {
	switch {
	case t == nil || !t.family.live(now):
		return false
	case t.consumed.IsZero():
		return true
	default:
		return s.config.Reuse == ReuseGrace && now.Sub(t.consumed) < s.config.Grace
	}
}

// newFamily signs the user in. s.mu is held.
func (s *Server) newFamily(userID string) *family {
	f := &family{userID: userID}
	s.families[userID] = append(s.families[userID], f)
	s.issue(f)
	return f
}

// issue gives the family its next token and JWT. s.mu is held.
func (s *Server) issue(f *family) {
	secret := randomText()
	expires := time.Now().Add(s.config.RefreshTokenLifetime).UTC().Truncate(time.Millisecond)
	f.grant = session.Grant{
		User: s.people.byID[f.userID],
		RefreshToken: session.RefreshToken{
			Secret:        session.NewSecret(secret),
			ExpiresAtText: expires.Format("2006-01-02T15:04:05.000Z"),
		},
	}
	s.tokens[secret] = &token{family: f}
	s.renewJWT(f)
}

// renewJWT gives the family a fresh JWT. s.mu is held.
func (s *Server) renewJWT(f *family) {
	f.jwtExpires = time.Now().Add(s.config.JWTLifetime).Truncate(time.Second)
	f.grant.JWT = session.NewSecret(s.JWT(f.grant.User))
}

// logout revokes the family of a token that refresh would take. One that was
// consumed, outside the grace, revokes nothing: the hard case for a client
// that keeps the wrong one.
func (s *Server) logout(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[secret]; s.accepts(t, time.Now()) {
		t.family.revoked = true
	}
	delete(s.oneTime, secret)
}

// Live reports whether refresh would accept this refresh token or one-time
// secret right now. A consumed token counts while its grace lasts.
func (s *Server) Live(secret string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if login, ok := s.oneTime[secret]; ok {
		return !expired(login.expires)
	}
	return s.accepts(s.tokens[secret], time.Now())
}

// LiveOf returns in how many places the user is signed in: the number of
// refresh tokens that are neither consumed nor revoked nor expired.
func (s *Server) LiveOf(userID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	count, now := 0, time.Now()
	for _, f := range s.families[userID] {
		if f.live(now) {
			count++
		}
	}
	return count
}

// Revoke revokes the refresh token with all its family, consumed or not, as
// if the user had signed out elsewhere. An unknown secret is ignored.
func (s *Server) Revoke(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.oneTime, secret)
	if t := s.tokens[secret]; t != nil {
		t.family.revoked = true
	}
}

// RevokeUser revokes everything that signs the user in. JWTs stay valid
// until they expire.
func (s *Server) RevokeUser(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.families[userID] {
		f.revoked = true
	}
	for secret, login := range s.oneTime {
		if login.userID == userID {
			delete(s.oneTime, secret)
		}
	}
}
