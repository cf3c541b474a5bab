package witness_test

import (
	"net/http"
	"time"
)

// storedEnd is the end of a refresh token.
var storedEnd = time.Now().AddDate(0, 0, 20).UTC().Truncate(time.Second)

// cookieScenarios are storeAuthMaterial(response, material) with different
// cookieOptions.
var cookieScenarios = []scenario{
	{name: "store", play: store},
	{name: "store-readable", setup: setup{cookies: attributes{readable: true}}, play: store},
	{name: "store-insecure", setup: setup{cookies: attributes{insecure: true}}, play: store},
	{name: "store-strict", setup: setup{cookies: attributes{sameSite: http.SameSiteStrictMode}}, play: store},
	{name: "store-none", setup: setup{cookies: attributes{sameSite: http.SameSiteNoneMode}}, play: store},
	{name: "store-domain", setup: setup{cookies: attributes{domain: "example.com"}}, play: store},
	{name: "store-domain-dot", setup: setup{cookies: attributes{domain: ".example.com"}}, play: store},
	{name: "store-expires", setup: setup{cookies: attributes{expiresAt: time.Now().Add(5 * 24 * time.Hour).Truncate(time.Second)}}, play: store},

	{name: "store-no-expiry", play: func(s *stage) { s.store("a.b.c", "secret", "") }},
	{name: "store-expiry-no-date", play: func(s *stage) { s.store("a.b.c", "secret", "soon") }},
	{name: "store-expiry-past", play: func(s *stage) { s.store("a.b.c", "secret", "2001-02-03T04:05:06.000Z") }},
	{name: "store-equals", play: func(s *stage) { s.store("a.b.c", "secret==", s.storedEnd()) }},
	{name: "store-semicolon", play: func(s *stage) { s.store("a.b.c", "secret; Domain=example.org", s.storedEnd()) }},
	{name: "store-quote", play: func(s *stage) { s.store("a.b.c", `"secret`, s.storedEnd()) }},
	{name: "store-line-break", play: func(s *stage) { s.store("a.b.c", "secret\r\nX-Injected: 1", s.storedEnd()) }},
	{name: "store-over-older", play: func(s *stage) {
		s.storeWith("crossmint-session=old; crossmint-jwt-"+vendorProject+"=old", "a.b.c", "secret", s.storedEnd())
	}},
}

func store(s *stage) {
	s.t.Helper()
	s.store("a.b.c", "secret", s.storedEnd())
}

// storedEnd returns storedEnd as upstream writes it, and names it $expiry.
func (s *stage) storedEnd() string {
	s.names.addTime("$expiry", storedEnd)
	return storedEnd.Format("2006-01-02T15:04:05.000Z")
}

func (s *stage) store(jwt, secret, expiresAt string) {
	s.t.Helper()
	s.storeWith("", jwt, secret, expiresAt)
}

func (s *stage) storeWith(cookie, jwt, secret, expiresAt string) {
	s.t.Helper()
	s.post("/store", cookie, fields{"jwt": jwt, "refreshToken": fields{"secret": secret, "expiresAt": expiresAt}})
}
