package browser_test

import (
	"fmt"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/google/go-cmp/cmp"
)

// TestClientWithoutRoutes uses a client that calls upstream itself and stores its own
// cookies. The middleware reads and renews them, and the client continues with the new
// ones. Upstream ends a session whose used token comes again, so both need the latest.
func TestClientWithoutRoutes(t *testing.T) {
	for _, test := range []struct {
		name         string
		client       client
		cookies      cookie.Config
		jwt, refresh string
	}{
		{"scoped", newest(), cookie.Config{}, scopedJWT, scopedRefresh},
		// The unscoped refresh cookie is also the documented one, so scripts may
		// read it only by configuration.
		{"unscoped", oldest(), cookie.Config{Names: cookie.Unscoped(), ReadableRefreshCookie: true}, unscopedJWT, unscopedRefresh},
	} {
		t.Run(test.name+", client "+test.client.version, func(t *testing.T) {
			eachBrowser(t, func(t *testing.T, p page) {
				s := newSite(t, options{
					client: test.client, cookies: test.cookies, withoutRoutes: true, tls: true,
					fake: crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily},
				})
				p.open(s.url)
				await(t, "an anonymous page", state{Logouts: 1}, func() state { return clientState(t, p) })
				s.signInByClient(t, p)
				expectNames(t, p, test.jwt, test.refresh)
				other := p.second()
				s.expectUser(t, other, s.user())
				if n := s.refreshes(); n != 1 {
					t.Errorf("%d refreshes, want one by the client", n)
				}

				expired := s.fake.ExpiredJWT(s.fake.NewUser(email))
				p.script(`document.cookie = "` + test.jwt + `=` + expired + `; path=/"`)
				await(t, "the expired JWT in the jar", expired, func() string { return valueForScripts(p, test.jwt) })
				s.expectUser(t, other, s.user())
				expectNames(t, p, test.jwt, test.refresh)
				p.open(s.url)
				s.awaitUserOf(t, p)
				if n := s.refreshes(); n != 3 {
					t.Errorf("%d refreshes, want three: sign-in, middleware and reload", n)
				}
				if !s.fake.Live(valueForScripts(p, test.refresh)) {
					t.Error("the refresh cookie is not the latest")
				}
				s.expectUser(t, other, s.user())
				s.logOutWithoutRoutes(t, p, other)
			})
		})
	}
}

// valueForScripts returns the value of a cookie as scripts read it, "" without the cookie.
func valueForScripts(p page, name string) string {
	return p.script(fmt.Sprintf(`document.cookie.split("; ").find((c) => c.startsWith(%q))?.split("=")[1] ?? ""`, name+"="))
}

// logOutWithoutRoutes logs out a client without routes. It checks that no cookies are
// left and that the client has never used the routes of the kit.
func (s *site) logOutWithoutRoutes(t *testing.T, p, other page) {
	t.Helper()
	click(t, p, "#logout")
	expectNames(t, p)
	await(t, "upstream's logout", 0, func() int { return s.fake.LiveOf(s.user()) })
	s.expectUser(t, other, "")
	requests := len(s.journal.to("/refresh")) + len(s.journal.to("/logout"))
	if diff := cmp.Diff(0, requests); diff != "" {
		t.Errorf("requests to the routes (-want +got):\n%s", diff)
	}
}
