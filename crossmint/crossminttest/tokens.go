package crossminttest

import (
	"time"

	"github.com/crossmint-go/auth/session"
)

// A ReusePolicy decides about a consumed refresh token that is presented again.
// The policy of the real service is not documented.
type ReusePolicy uint8

const (
	// ReuseGrace responds to a token that was consumed less than [Config.Grace]
	// ago with the newest token of its family, each time the same. So two tabs, or
	// a retry after a lost response, do no harm. Later the token is rejected.
	ReuseGrace ReusePolicy = iota
	// ReuseRefuse rejects it.
	ReuseRefuse
	// ReuseRevokesFamily rejects it and revokes the whole family: the token may
	// be stolen.
	ReuseRevokesFamily
)

// A family is one sign-in: a refresh token and its successors. Only the newest of
// them is not consumed.
type family struct {
	userID       string
	revoked      bool
	grant        session.Grant // with the newest token
	expiresAt    time.Time     // of the newest token
	jwtExpiresAt time.Time
}

// live reports whether the newest token can be used.
func (f *family) live(now time.Time) bool {
	return !f.revoked && now.Before(f.expiresAt)
}

// A token is one refresh token. consumedAt is zero for the newest of a family.
type token struct {
	family     *family
	consumedAt time.Time
}

// oneTimeSecretLifetime is short: a browser exchanges it at once.
const oneTimeSecretLifetime = 10 * time.Minute

// A oneTimeSecret is the result of a sign-in. Refresh exchanges it once.
type oneTimeSecret struct {
	userID    string
	expiresAt time.Time
}

// exchange exchanges a refresh token or a one-time secret for a grant. It returns
// false if it rejects the secret.
func (s *Server) exchange(secret string) (session.Grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if once, ok := s.oneTime[secret]; ok {
		delete(s.oneTime, secret)
		if hasExpired(once.expiresAt) {
			return session.Grant{}, false
		}
		return s.newFamilyLocked(once.userID).grant, true
	}
	t := s.tokens[secret]
	if !s.acceptsLocked(t, now) {
		if t != nil && !t.consumedAt.IsZero() && s.config.Reuse == ReuseRevokesFamily {
			t.family.revoked = true
		}
		return session.Grant{}, false
	}
	if t.consumedAt.IsZero() {
		t.consumedAt = now
		s.rotateLocked(t.family)
	}
	if !now.Before(t.family.jwtExpiresAt) { // the JWT's lifetime is shorter than the grace
		s.renewJWTLocked(t.family)
	}
	return t.family.grant, true
}

// acceptsLocked reports whether refresh accepts t now. For a consumed token only
// its own grace counts: its successors were consumed later.
func (s *Server) acceptsLocked(t *token, now time.Time) bool {
	switch {
	case t == nil || !t.family.live(now):
		return false
	case t.consumedAt.IsZero():
		return true
	default:
		return s.config.Reuse == ReuseGrace && now.Sub(t.consumedAt) < s.config.Grace
	}
}

// newFamilyLocked signs the user in.
func (s *Server) newFamilyLocked(userID string) *family {
	f := &family{userID: userID}
	s.families[userID] = append(s.families[userID], f)
	s.rotateLocked(f)
	return f
}

// rotateLocked gives the family its next token and JWT.
func (s *Server) rotateLocked(f *family) {
	secret := randomSecret()
	f.expiresAt = time.Now().Add(s.config.RefreshTokenLifetime).UTC().Truncate(time.Millisecond)
	f.grant = session.Grant{
		User: s.users.byID[f.userID],
		RefreshToken: session.RefreshToken{
			Secret:    session.NewSecret(secret),
			ExpiresAt: f.expiresAt.Format("2006-01-02T15:04:05.000Z"),
		},
	}
	s.tokens[secret] = &token{family: f}
	s.renewJWTLocked(f)
}

// renewJWTLocked gives the family a new JWT.
func (s *Server) renewJWTLocked(f *family) {
	f.jwtExpiresAt = time.Now().Add(s.config.JWTLifetime).Truncate(time.Second)
	f.grant.JWT = session.NewSecret(s.JWT(f.grant.User))
}

// logout revokes the family of a token that refresh would accept. A token that
// was consumed before the grace revokes nothing, which is the hard case for a
// client that uses an old token.
func (s *Server) logout(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[secret]; s.acceptsLocked(t, time.Now()) {
		t.family.revoked = true
	}
	delete(s.oneTime, secret)
}

// Live reports whether refresh would accept this refresh token or one-time
// secret now. It accepts a consumed token during its grace.
func (s *Server) Live(secret string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if once, ok := s.oneTime[secret]; ok {
		return !hasExpired(once.expiresAt)
	}
	return s.acceptsLocked(s.tokens[secret], time.Now())
}

// LiveOf returns the number of the user's refresh tokens that are neither
// consumed nor revoked nor expired: the places where the user is signed in.
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

// Revoke revokes the refresh token with its whole family, consumed or not, as if
// the user had signed out elsewhere. It ignores an unknown secret.
func (s *Server) Revoke(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.oneTime, secret)
	if t := s.tokens[secret]; t != nil {
		t.family.revoked = true
	}
}

// RevokeUser revokes all refresh tokens and one-time secrets of the user. JWTs
// stay valid until they expire.
func (s *Server) RevokeUser(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.families[userID] {
		f.revoked = true
	}
	for secret, once := range s.oneTime {
		if once.userID == userID {
			delete(s.oneTime, secret)
		}
	}
}
