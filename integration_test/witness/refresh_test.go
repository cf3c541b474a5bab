package witness_test

import (
	"net/http"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// refreshScenarios are handleCustomRefresh(request).
var refreshScenarios = []scenario{
	{name: "refresh-body", heads: true, play: func(s *stage) { s.post("/refresh", "", fields{"refresh": s.expired().refresh}) }},
	{name: "refresh-one-time-secret", play: func(s *stage) {
		secret := s.OneTimeSecret(s.user)
		s.names.add("$one-time", secret)
		s.post("/refresh", "", fields{"refresh": secret})
	}},
	{name: "refresh-cookie", play: func(s *stage) { s.post("/refresh", s.expired().String(), fields{}) }},
	{name: "refresh-cookie-null", play: func(s *stage) { s.post("/refresh", s.expired().String(), fields{"refresh": nil}) }},
	{name: "refresh-cookie-no-body", play: func(s *stage) {
		s.send(visit{method: http.MethodPost, path: "/refresh", cookie: s.expired().String()})
	}},
	{name: "refresh-cookie-empty", play: func(s *stage) { s.post("/refresh", s.expired().String(), fields{"refresh": ""}) }},
	{name: "refresh-both", play: func(s *stage) {
		in := s.Grant(s.user).RefreshToken.Secret.Reveal()
		s.names.add("$in-body", in)
		s.post("/refresh", s.expired().String(), fields{"refresh": in})
	}},
	{name: "refresh-twice", play: func(s *stage) {
		p := s.expired().String()
		s.post("/refresh", p, fields{})
		s.post("/refresh", p, fields{})
	}},

	{name: "refresh-none", heads: true, play: func(s *stage) { s.post("/refresh", "", fields{}) }},
	{name: "refresh-none-other-cookies", play: func(s *stage) { s.post("/refresh", "theme=dark", fields{}) }},
	{name: "refresh-refused-body", play: func(s *stage) { s.post("/refresh", "", fields{"refresh": s.refused().refresh}) }},
	{name: "refresh-refused-cookie", play: func(s *stage) { s.post("/refresh", s.refused().String(), fields{}) }},
	{name: "refresh-refused-again", play: func(s *stage) { s.post("/refresh", s.refusedAgain(), fields{}) }},
	{name: "refresh-refused-body-live-cookie", play: func(s *stage) {
		s.post("/refresh", s.signIn().String(), fields{"refresh": "forged"})
	}},

	{name: "refresh-500-once", play: func(s *stage) {
		s.Fail(crossminttest.Refresh, internalError)
		s.post("/refresh", s.expired().String(), fields{})
	}},
	{name: "refresh-outage", heads: true, setup: setup{outage: true}, play: func(s *stage) {
		s.failing(crossminttest.Refresh, internalError).post("/refresh", s.expired().String(), fields{})
	}},
	{name: "refresh-outage-jwt-holds", setup: setup{outage: true}, play: func(s *stage) {
		s.failing(crossminttest.Refresh, internalError).post("/refresh", s.signIn().String(), fields{})
	}},
	{name: "refresh-down", setup: setup{outage: true}, play: func(s *stage) {
		p := s.expired()
		s.page("crossmint-jwt=" + p.jwt) // both may know the keys
		s.down()
		s.post("/refresh", p.String(), fields{})
	}},
	{name: "refresh-reset-once", play: func(s *stage) {
		s.Fail(crossminttest.Refresh, crossminttest.Reset())
		s.post("/refresh", s.expired().String(), fields{})
	}},
	{name: "refresh-response-html", play: func(s *stage) {
		s.failing(crossminttest.Refresh, htmlPage).post("/refresh", s.expired().String(), fields{})
	}},
	{name: "refresh-response-no-refresh", play: func(s *stage) {
		s.failing(crossminttest.Refresh, without("refresh")).post("/refresh", s.expired().String(), fields{})
	}},
	{name: "refresh-response-foreign-jwt", play: func(s *stage) {
		s.failing(crossminttest.Refresh, withJWT(s.ForeignJWT(s.user))).post("/refresh", s.expired().String(), fields{})
	}},

	{name: "refresh-not-json", play: func(s *stage) {
		s.send(visit{method: http.MethodPost, path: "/refresh", cookie: s.expired().String(), contentType: "application/json", body: "refresh"})
	}},
	{name: "refresh-text-plain", play: func(s *stage) {
		s.send(visit{method: http.MethodPost, path: "/refresh", cookie: s.expired().String(), contentType: "text/plain", body: "{}"})
	}},
	{name: "refresh-number", play: func(s *stage) { s.post("/refresh", s.expired().String(), fields{"refresh": 5}) }},
	{name: "refresh-get", play: func(s *stage) {
		s.send(visit{method: http.MethodGet, path: "/refresh", cookie: s.expired().String()})
	}},
	{name: "refresh-cross-site", play: func(s *stage) {
		s.send(visit{
			method: http.MethodPost, path: "/refresh", cookie: s.expired().String(), contentType: "application/json", body: "{}",
			header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://other.example"},
		})
	}},
}
