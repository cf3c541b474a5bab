package browser_test

import (
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/google/go-cmp/cmp"
)

// TestClientWithoutRoutes uses a client that calls upstream itself and stores its own
// cookies. The middleware reads and renews them, and the client continues with the new
// ones. Upstream ends a session whose used token comes again, so both need the latest.
func TestClientWithoutRoutes(t *testing.T) {
	visible := func(jwt, refresh string) map[string]kept { return map[string]kept{jwt: readable, refresh: readable} }
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
			s := newSite(t, options{
				client: test.client, cookies: test.cookies, withoutRoutes: true,
				fake: crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily},
			})
			b := newTab(t)
			s.openAnonymously(b)
			s.signIn(b)
			own := kept{SameSite: "Lax"} // the attributes of the client
			b.expectCookies(map[string]kept{test.jwt: own, test.refresh: own})
			other := b.another()
			s.expectRendered(other, s.user())
			if n := s.refreshes(); n != 1 {
				t.Errorf("%d refreshes, want one by the client", n)
			}

			expired := s.fake.ExpiredJWT(s.fake.NewUser(email))
			b.script(`document.cookie = "` + test.jwt + `=` + expired + `; path=/"`)
			await(t, "the expired JWT in the jar", expired, func() string { return b.jar()[test.jwt].Value })
			s.expectRendered(other, s.user())
			b.expectCookies(visible(test.jwt, test.refresh))
			b.reload()
			b.awaitUser(s.user())
			if n := s.refreshes(); n != 3 {
				t.Errorf("%d refreshes, want three: sign-in, middleware and reload", n)
			}
			if !s.fake.Live(b.jar()[test.refresh].Value) {
				t.Error("the refresh cookie is not the latest")
			}
			s.expectRendered(other, s.user())
			s.logOutWithoutRoutes(b, other)
		})
	}
}

// logOutWithoutRoutes logs out a client without routes. It checks that no cookies are
// left and that the client has never used the routes of the kit.
func (s *site) logOutWithoutRoutes(b, other *tab) {
	s.t.Helper()
	b.click("#logout")
	await(s.t, "an empty jar", nothing, b.shapes)
	await(s.t, "upstream's logout", 0, func() int { return s.fake.LiveOf(s.user()) })
	s.expectRendered(other, "")
	requests := len(s.journal.to("/refresh")) + len(s.journal.to("/logout"))
	if diff := cmp.Diff(0, requests); diff != "" {
		s.t.Errorf("requests to the routes (-want +got):\n%s", diff)
	}
}
