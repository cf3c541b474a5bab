package witness_test

import (
	"net/http"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// Unexpected responses of upstream.
var (
	internalError = crossminttest.Status(http.StatusInternalServerError, "application/json", `{"message":"Internal Server Error"}`)
	overloaded    = crossminttest.Status(http.StatusTooManyRequests, "application/json", `{"message":"Too Many Requests"}`).With("Retry-After", "7")
	forbidden     = crossminttest.Status(http.StatusForbidden, "application/json", `{"message":"Malformed API key"}`)
	htmlPage      = crossminttest.Status(http.StatusOK, "text/html", "<html>maintenance</html>")
	redirected    = crossminttest.Redirect("/elsewhere")
)

// without returns the correct response of upstream without one member.
func without(member string) crossminttest.Fault {
	return crossminttest.Edit(func(response map[string]any) { delete(response, member) })
}

// withJWT returns the correct response of upstream with another JWT.
func withJWT(jwt string) crossminttest.Fault {
	return crossminttest.Edit(func(response map[string]any) { response["jwt"] = jwt })
}

// withEmail returns the correct response of upstream with another email.
func withEmail(email any) crossminttest.Fault {
	return crossminttest.Edit(func(response map[string]any) { response["user"].(map[string]any)["email"] = email })
}

// sessionScenarios are getSession(request, response).
var sessionScenarios = []scenario{
	{name: "session-no-cookies", heads: true, play: func(s *stage) { s.page("") }},
	{name: "session-other-cookies", play: func(s *stage) { s.page("theme=dark") }},
	{name: "session-only-jwt", play: func(s *stage) { s.page("crossmint-jwt=" + s.signIn().jwt) }},
	{name: "session-only-refresh", play: func(s *stage) { s.page("crossmint-refresh-token=" + s.signIn().refresh) }},
	{name: "session-valid", heads: true, play: func(s *stage) { s.page(s.signIn().String()) }},
	{name: "session-valid-twice", play: func(s *stage) {
		p := s.signIn().String()
		s.page(p)
		s.page(p)
	}},
	{name: "session-expired", heads: true, play: func(s *stage) { s.page(s.expired().String()) }},
	{name: "session-expired-twice", play: func(s *stage) {
		p := s.expired().String()
		s.page(p)
		s.page(p)
	}},
	{name: "session-last-seconds", play: func(s *stage) { s.page(s.with(s.ending()).String()) }},
	{name: "session-refused", heads: true, play: func(s *stage) { s.page(s.refused().String()) }},
	{name: "session-refused-again", heads: true, play: func(s *stage) { s.page(s.refusedAgain()) }},
	{name: "session-own-cookie", setup: setup{theme: true}, play: func(s *stage) { s.page(s.expired().String()) }},

	{name: "session-500", heads: true, play: func(s *stage) { s.failing(crossminttest.Refresh, internalError).page(s.expired().String()) }},
	{name: "session-429", heads: true, play: func(s *stage) { s.failing(crossminttest.Refresh, overloaded).page(s.expired().String()) }},
	{name: "session-403", play: func(s *stage) { s.failing(crossminttest.Refresh, forbidden).page(s.expired().String()) }},
	{name: "session-redirect", play: func(s *stage) { s.failing(crossminttest.Refresh, redirected).page(s.expired().String()) }},
	{name: "session-reset", play: func(s *stage) { s.failing(crossminttest.Refresh, crossminttest.Reset()).page(s.expired().String()) }},
	{name: "session-cut", play: func(s *stage) { s.failing(crossminttest.Refresh, crossminttest.Truncate()).page(s.expired().String()) }},
	{name: "session-lost-response", play: func(s *stage) {
		s.Fail(crossminttest.Refresh, crossminttest.LoseResponse())
		s.page(s.expired().String())
	}},
	{name: "session-down", play: func(s *stage) {
		p := s.expired()
		s.page("crossmint-jwt=" + p.jwt) // both may know the keys
		s.down()
		s.page(p.String())
	}},

	{name: "session-response-html", play: func(s *stage) { s.failing(crossminttest.Refresh, htmlPage).page(s.expired().String()) }},
	{name: "session-response-no-jwt", play: func(s *stage) { s.failing(crossminttest.Refresh, without("jwt")).page(s.expired().String()) }},
	{name: "session-response-no-jwt-once", play: func(s *stage) {
		s.Fail(crossminttest.Refresh, without("jwt"))
		p := s.expired().String()
		s.page(p)
		s.page(p)
	}},
	{name: "session-response-email-number", play: func(s *stage) {
		s.failing(crossminttest.Refresh, withEmail(5)).page(s.expired().String())
	}},
	{name: "session-response-no-refresh", play: func(s *stage) { s.failing(crossminttest.Refresh, without("refresh")).page(s.expired().String()) }},
	{name: "session-response-no-user", play: func(s *stage) { s.failing(crossminttest.Refresh, without("user")).page(s.expired().String()) }},
	{name: "session-response-foreign-jwt", play: func(s *stage) {
		s.failing(crossminttest.Refresh, withJWT(s.ForeignJWT(s.user))).page(s.expired().String())
	}},
	{name: "session-response-forged-jwt", play: func(s *stage) {
		s.failing(crossminttest.Refresh, withJWT(s.ForgedJWT(s.user))).page(s.expired().String())
	}},
	{name: "session-response-other-user", play: func(s *stage) {
		s.failing(crossminttest.Refresh, withJWT(s.JWT(s.NewUser("bob@example.com")))).page(s.expired().String())
	}},

	{name: "session-foreign-jwt", play: func(s *stage) { s.page(s.with(s.ForeignJWT(s.user)).String()) }},
	{name: "session-forged-jwt", play: func(s *stage) { s.page(s.with(s.ForgedJWT(s.user)).String()) }},
	{name: "session-ill-formed-jwt", play: func(s *stage) { s.page(s.with("no.jwt").String()) }},
	{name: "session-no-audience", play: func(s *stage) { s.page(s.with(s.lacking("aud")).String()) }},
	{name: "session-no-expiry", play: func(s *stage) { s.page(s.with(s.lacking("exp")).String()) }},
	{name: "session-no-subject", play: func(s *stage) { s.page(s.with(s.lacking("sub")).String()) }},

	{name: "session-keys-500", play: func(s *stage) { s.failing(crossminttest.JWKS, internalError).page(s.signIn().String()) }},
	{name: "session-keys-500-later", play: func(s *stage) {
		p := s.signIn().String()
		s.page(p)
		s.failing(crossminttest.JWKS, internalError).page(p)
	}},

	{name: "session-documented-names", play: func(s *stage) {
		p := s.signIn()
		s.page("crossmint-session=" + p.jwt + "; crossmint-refresh-token=" + p.refresh)
	}},
	{name: "session-scoped-names", play: func(s *stage) {
		p := s.expired()
		s.page("crossmint-jwt-" + vendorProject + "=" + p.jwt + "; crossmint-refresh-token-" + vendorProject + "=" + p.refresh)
	}},
	{name: "session-token-with-equals", play: func(s *stage) { s.page(pair{s.expired().jwt, "abc=d="}.String()) }},

	{name: "material-valid", play: func(s *stage) {
		p := s.signIn()
		s.post("/material", "", fields{"jwt": p.jwt, "refreshToken": p.refresh})
	}},
	{name: "material-expired", play: func(s *stage) {
		p := s.expired()
		s.post("/material", "", fields{"jwt": p.jwt, "refreshToken": p.refresh})
	}},
	{name: "material-refused", play: func(s *stage) {
		p := s.refused()
		s.post("/material", "", fields{"jwt": p.jwt, "refreshToken": p.refresh})
	}},
	{name: "material-refused-again", play: func(s *stage) {
		p := s.refused()
		s.post("/material", "", fields{"jwt": p.jwt, "refreshToken": p.refresh, "refusedAt": firstRefusal()})
	}},
}

// failing lets every call of the endpoint fail.
func (s *stage) failing(e crossminttest.Endpoint, fault crossminttest.Fault) *stage {
	s.FailAlways(e, fault)
	return s
}

// lacking returns a correctly signed JWT without one claim.
func (s *stage) lacking(claim string) string {
	return s.Sign(s.user, nil, map[string]any{claim: nil})
}
