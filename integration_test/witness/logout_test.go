package witness_test

import (
	"net/http"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// logoutScenarios are logout(request).
var logoutScenarios = []scenario{
	{name: "logout-cookies", heads: true, play: func(s *stage) { s.logout(s.signIn().String()) }},
	{name: "logout-none", play: func(s *stage) { s.logout("") }},
	{name: "logout-other-cookies", play: func(s *stage) { s.logout("theme=dark") }},
	{name: "logout-only-jwt", play: func(s *stage) { s.logout("crossmint-jwt=" + s.signIn().jwt) }},
	{name: "logout-body", play: func(s *stage) { s.post("/logout", "", fields{"refresh": s.signIn().refresh}) }},
	{name: "logout-500", setup: setup{outage: true}, play: func(s *stage) { s.failing(crossminttest.Logout, internalError).logout(s.signIn().String()) }},
	{name: "logout-reset", setup: setup{outage: true}, play: func(s *stage) { s.failing(crossminttest.Logout, crossminttest.Reset()).logout(s.signIn().String()) }},
	{name: "logout-down", play: func(s *stage) {
		p := s.signIn().String()
		s.down()
		s.logout(p)
	}},
	{name: "logout-get", play: func(s *stage) {
		s.send(visit{method: http.MethodGet, path: "/logout", cookie: s.signIn().String()})
	}},
	{name: "logout-cross-site", play: func(s *stage) {
		s.send(visit{
			method: http.MethodPost, path: "/logout", cookie: s.signIn().String(),
			header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://other.example"},
		})
	}},
	{name: "logout-then-session", play: func(s *stage) {
		p := s.signIn().String()
		s.logout(p)
		s.page(p)
	}},
	{name: "logout-after-refresh", play: func(s *stage) {
		p := s.expired().String()
		s.page(p)
		s.logout(p) // from another tab, which still has the old token
	}},
}

func (s *stage) logout(cookie string) {
	s.t.Helper()
	s.send(visit{method: http.MethodPost, path: "/logout", cookie: cookie})
}

// nodeScenarios are calls with the request and response types of Node.
var nodeScenarios = []scenario{
	{name: "node-session-valid", node: true, play: func(s *stage) { s.page(s.signIn().String()) }},
	{name: "node-session-no-cookies", node: true, play: func(s *stage) { s.page("") }},
	{name: "node-session-expired", node: true, play: func(s *stage) { s.page(s.expired().String()) }},
	{name: "node-session-own-cookie", node: true, setup: setup{theme: true}, play: func(s *stage) { s.page(s.expired().String()) }},
	{name: "node-session-refused", node: true, play: func(s *stage) { s.page(s.refused().String()) }},
	{name: "node-session-refused-again", node: true, play: func(s *stage) { s.page(s.refusedAgain()) }},
	{name: "node-refresh-body", node: true, play: func(s *stage) { s.post("/refresh", "", fields{"refresh": s.expired().refresh}) }},
	{name: "node-refresh-cookie", node: true, play: func(s *stage) { s.post("/refresh", s.expired().String(), fields{}) }},
	{name: "node-refresh-none", node: true, play: func(s *stage) { s.post("/refresh", "", fields{}) }},
	{name: "node-refresh-refused", node: true, play: func(s *stage) { s.post("/refresh", s.refused().String(), fields{}) }},
	{name: "node-refresh-refused-again", node: true, play: func(s *stage) { s.post("/refresh", s.refusedAgain(), fields{}) }},
	{name: "node-logout", node: true, play: func(s *stage) { s.logout(s.signIn().String()) }},
}
