package crossminttest

import (
	"encoding/json"
	"time"

	"github.com/crossmint-go/auth/session"
)

// expiredSince is the age of an expired JWT.
const expiredSince = time.Minute

// JWT returns a valid JWT of user. No two are the same.
func (s *Server) JWT(user session.User) string { return s.Sign(user, nil, nil) }

// ExpiredJWT returns a correctly signed JWT of user that expired a minute ago.
func (s *Server) ExpiredJWT(user session.User) string {
	exp := time.Now().Add(-expiredSince)
	return s.Sign(user, nil, map[string]any{
		"iat": exp.Add(-s.config.JWTLifetime).Unix(),
		"exp": exp.Unix(),
	})
}

// ForeignJWT returns a correctly signed JWT of user for another project.
func (s *Server) ForeignJWT(user session.User) string {
	return s.Sign(user, nil, map[string]any{"aud": newID()})
}

// ForgedJWT returns a JWT of user that names the right key and is signed by
// another one.
func (s *Server) ForgedJWT(user session.User) string {
	forger := newKey(s.config.Algorithm, forgerNumber)
	forger.id = s.keys.current().id
	return compact(forger, usualHeader(forger), s.claims(user.ID))
}

// Sign returns a JWT of user with header and claims laid over the usual ones;
// a nil value removes a member. The current key signs it, whatever the header
// says. Sign panics on values that are not JSON.
func (s *Server) Sign(user session.User, header, claims map[string]any) string {
	key := s.keys.current()
	return compact(key, overlay(usualHeader(key), header), overlay(s.claims(user.ID), claims))
}

// SignRaw returns the JWT of exactly these bytes, JSON or not, signed by the
// current key.
func (s *Server) SignRaw(header, payload []byte) string {
	return compactRaw(s.keys.current(), header, payload)
}

func usualHeader(key signingKey) map[string]any {
	return map[string]any{"alg": key.algorithm, "kid": key.id}
}

// claims returns what a JWT says that is issued now. The jti keeps two JWTs
// of one second apart: else logging out of one would deny the other.
func (s *Server) claims(userID string) map[string]any {
	now := time.Now()
	usual := map[string]any{
		"iss": s.config.Issuer,
		"iat": now.Unix(),
		"exp": now.Add(s.config.JWTLifetime).Unix(),
		"sub": userID,
		"aud": s.config.ProjectID,
		"jti": newID(),
	}
	own, _ := s.ownClaims.Load(userID)
	over, _ := own.(map[string]any)
	return overlay(usual, over)
}

// SetClaims lays claims over the usual ones of every JWT that the user gets
// from now on, such as a role; a nil value removes one. They replace those of
// an earlier call. The map belongs to the fake from then on.
func (s *Server) SetClaims(userID string, claims map[string]any) { s.ownClaims.Store(userID, claims) }

func overlay(base, over map[string]any) map[string]any {
	for name, value := range over {
		if value == nil {
			delete(base, name)
			continue
		}
		base[name] = value
	}
	return base
}

func compact(key signingKey, header, claims map[string]any) string {
	return compactRaw(key, must(json.Marshal(header)), must(json.Marshal(claims)))
}

func compactRaw(key signingKey, header, payload []byte) string {
	input := encode(header) + "." + encode(payload)
	return input + "." + encode(key.sign([]byte(input)))
}
