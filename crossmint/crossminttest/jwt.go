package crossminttest

import (
	"encoding/json"
	"time"

	"github.com/crossmint-go/auth/session"
)

// expiredFor is the time since an expired JWT has expired.
const expiredFor = time.Minute

// JWT returns a valid JWT of user. Each call returns a different one.
func (s *Server) JWT(user session.User) string { return s.Sign(user, nil, nil) }

// ExpiredJWT returns a correctly signed JWT of user that expired a minute ago.
func (s *Server) ExpiredJWT(user session.User) string {
	exp := time.Now().Add(-expiredFor)
	return s.Sign(user, nil, map[string]any{
		"iat": exp.Add(-s.config.JWTLifetime).Unix(),
		"exp": exp.Unix(),
	})
}

// ForeignJWT returns a correctly signed JWT of user for another project.
func (s *Server) ForeignJWT(user session.User) string {
	return s.Sign(user, nil, map[string]any{"aud": newID()})
}

// ForgedJWT returns a JWT of user that names the current key and is signed by
// another one.
func (s *Server) ForgedJWT(user session.User) string {
	forger := newKey(s.config.Algorithm, forgerKeyNumber)
	forger.id = s.keys.current().id
	return compact(forger, defaultHeader(forger), s.claims(user.ID))
}

// Sign returns a JWT of user whose header and claims replace the default ones
// member by member; a nil value removes a member. The current key signs it,
// whatever the header names. Sign panics on values that are not JSON.
func (s *Server) Sign(user session.User, header, claims map[string]any) string {
	key := s.keys.current()
	return compact(key, override(defaultHeader(key), header), override(s.claims(user.ID), claims))
}

// SignRaw returns the JWT of exactly these bytes, JSON or not, signed by the
// current key.
func (s *Server) SignRaw(header, payload []byte) string {
	return compactRaw(s.keys.current(), header, payload)
}

func defaultHeader(key signingKey) map[string]any {
	return map[string]any{"alg": key.algorithm, "kid": key.id}
}

// claims returns the claims of a JWT that is issued now. The jti makes two JWTs
// of one second differ: otherwise a logout with one would deny the other.
func (s *Server) claims(userID string) map[string]any {
	now := time.Now()
	defaults := map[string]any{
		"iss": s.config.Issuer,
		"iat": now.Unix(),
		"exp": now.Add(s.config.JWTLifetime).Unix(),
		"sub": userID,
		"aud": s.config.ProjectID,
		"jti": newID(),
	}
	custom, _ := s.customClaims.Load(userID)
	overrides, _ := custom.(map[string]any)
	return override(defaults, overrides)
}

// SetClaims adds claims, such as a role, to every JWT that the user gets from now
// on. They replace default claims of the same name; a nil value removes one. A
// later call replaces them all. Do not change the map afterwards.
func (s *Server) SetClaims(userID string, claims map[string]any) {
	s.customClaims.Store(userID, claims)
}

// override sets members of base. A nil value removes one.
func override(base, overrides map[string]any) map[string]any {
	for name, value := range overrides {
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
