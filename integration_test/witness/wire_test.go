package witness_test

// wireScenarios compare the headers and paths of calls.
var wireScenarios = []scenario{
	{name: "wire-names", heads: true, play: func(s *stage) { s.page(s.expired().String()) }},
	{name: "wire-app", setup: setup{appID: "com.example.app", extensionID: "extension"}, play: func(s *stage) {
		s.page(s.expired().String())
	}},
	{name: "wire-route", setup: setup{refreshRoute: routePath}, play: func(s *stage) { s.page(s.expired().String()) }},
	{name: "wire-route-refused", setup: setup{refreshRoute: routePath}, play: func(s *stage) { s.page(s.refused().String()) }},
	{name: "wire-route-refresh", setup: setup{refreshRoute: routePath}, play: func(s *stage) {
		s.post("/refresh", s.expired().String(), fields{})
	}},
	{name: "wire-route-logout", setup: setup{refreshRoute: routePath}, play: func(s *stage) { s.logout(s.signIn().String()) }},
}
