package witness_test

import (
	"encoding/json"
	"strconv"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// callScenarios are the methods without a request: verifyCrossmintJwt, getUser,
// getJwksUri, and the check of the API key in the constructor. Their page responds
// with 200 and the result.
var callScenarios = []scenario{
	{name: "verify-valid", play: func(s *stage) { s.verify(s.signIn().jwt) }},
	{name: "verify-twice", play: func(s *stage) {
		p := s.signIn()
		s.verify(p.jwt)
		s.verify(p.jwt)
	}},
	{name: "verify-expired", play: func(s *stage) { s.verify(s.expired().jwt) }},
	{name: "verify-foreign", play: func(s *stage) { s.verify(s.ForeignJWT(s.user)) }},
	{name: "verify-forged", play: func(s *stage) { s.verify(s.ForgedJWT(s.user)) }},
	{name: "verify-ill-formed", play: func(s *stage) { s.verify("a.b.c") }},
	{name: "verify-unsigned", play: func(s *stage) { s.verify(s.Sign(s.user, map[string]any{"alg": "none"}, nil)) }},
	{name: "verify-no-audience", play: func(s *stage) { s.verify(s.lacking("aud")) }},
	{name: "verify-no-expiry", play: func(s *stage) { s.verify(s.lacking("exp")) }},
	{name: "verify-keys-500", play: func(s *stage) { s.failing(crossminttest.JWKS, internalError).verify(s.signIn().jwt) }},
	{name: "verify-keys-down", play: func(s *stage) {
		jwt := s.signIn().jwt
		s.down()
		s.verify(jwt)
	}},
	{name: "verify-given-keys", play: func(s *stage) { s.verifyWith(s.JWKS(), s.signIn().jwt) }},
	{name: "verify-given-keys-forged", play: func(s *stage) { s.verifyWith(s.JWKS(), s.ForgedJWT(s.user)) }},
	{name: "verify-given-keys-expired", play: func(s *stage) { s.verifyWith(s.JWKS(), s.expired().jwt) }},

	{name: "user-known", play: func(s *stage) { s.getUser(s.user.ID) }},
	{name: "user-wrapped", play: func(s *stage) {
		wrap := func(response []byte) []byte { return []byte(`{"user":` + string(response) + `}`) }
		s.failing(crossminttest.User, crossminttest.Replace(wrap)).getUser(s.user.ID)
	}},
	{name: "user-unknown", play: func(s *stage) { s.getUser("c0ffee00-0000-4000-8000-000000000000") }},
	{name: "user-500", play: func(s *stage) { s.failing(crossminttest.User, internalError).getUser(s.user.ID) }},
	{name: "user-down", play: func(s *stage) {
		s.down()
		s.getUser(s.user.ID)
	}},
	{name: "user-empty", play: func(s *stage) { s.getUser("") }},
	{name: "user-dots", play: func(s *stage) { s.getUser("..") }},
	{name: "user-path", play: func(s *stage) { s.getUser("../../x") }},
	{name: "user-slash", play: func(s *stage) { s.getUser(s.user.ID + "/") }},
	{name: "user-query", play: func(s *stage) { s.getUser(s.user.ID + "?expand=all") }},
	{name: "user-fragment", play: func(s *stage) { s.getUser(s.user.ID + "#x") }},
	{name: "user-space", play: func(s *stage) { s.getUser("a b") }},

	{name: "jwks-uri", play: func(s *stage) { s.post("/jwks-uri", "", fields{}) }},

	{name: "key-word", setup: setup{apiKey: "key"}, play: getJWKSURI},
	{name: "key-old-format", setup: setup{apiKey: "sk_live_abc"}, play: getJWKSURI},
	{name: "key-other-origin", setup: setup{apiKey: "pk_staging_abc"}, play: getJWKSURI},
	{name: "key-other-environment", setup: setup{apiKey: "sk_testing_abc"}, play: getJWKSURI},
	{name: "key-unsigned", setup: setup{apiKey: "sk_production_abc"}, play: getJWKSURI},
}

// getJWKSURI sends a request that needs no tokens.
func getJWKSURI(s *stage) { s.post("/jwks-uri", "", fields{}) }

// nameClaims names the claims of a JWT that differ between runs.
func (s *stage) nameClaims(jwt string) {
	type registered struct {
		IssuedAt  int64  `json:"iat"`
		ExpiresAt int64  `json:"exp"`
		ID        string `json:"jti"`
		Audience  string `json:"aud"`
	}
	claims, err := claimsOf[registered](jwt)
	if err != nil {
		return // malformed on purpose
	}
	s.names.add("$iat", strconv.FormatInt(claims.IssuedAt, 10))
	s.names.add("$exp", strconv.FormatInt(claims.ExpiresAt, 10))
	s.names.add("$jti", claims.ID)
	s.names.add("$other-project", claims.Audience) // unless it is the project
}

func (s *stage) verify(jwt string) {
	s.t.Helper()
	s.nameClaims(jwt)
	s.post("/verify", "", fields{"token": jwt})
}

func (s *stage) verifyWith(jwks []byte, jwt string) {
	s.t.Helper()
	s.nameClaims(jwt)
	s.post("/verify", "", fields{"token": jwt, "keys": json.RawMessage(jwks)})
}

func (s *stage) getUser(id string) {
	s.t.Helper()
	s.post("/user", "", fields{"id": id})
}
