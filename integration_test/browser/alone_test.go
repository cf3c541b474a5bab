package browser_test

import (
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/google/go-cmp/cmp"
)

// TestClientWithoutRoutes has a client that calls upstream itself and keeps
// its own cookies. The middleware reads them, renews them, and the client goes
// on with what it finds. Upstream ends the session of whoever presents a used
// token, so both must know the newest.
func TestClientWithoutRoutes(t *testing.T) {
	visible := func(jwt, refresh string) map[string]kept { return map[string]kept{jwt: readable, refresh: readable} }
	for _, test := range []struct {
		name         string
		client       client
		cookies      cookie.Config
		jwt, refresh string
	}{
		{"scoped", newest(), cookie.Config{}, scopedJWT, scopedRefresh},
		// The unscoped refresh cookie is the documented one, too: that scripts
		// may read it has to be said.
		{"unscoped", oldest(), cookie.Config{Names: cookie.Unscoped(), ReadableRefreshCookie: true}, unscopedJWT, unscopedRefresh},
	} {
		t.Run(test.name+", client "+test.client.version, func(t *testing.T) {
			s := newSite(t, options{
				client: test.client, cookies: test.cookies, withoutRoutes: true,
				fake: crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily},
			})
			b := newTab(t)
			s.visitor(b)
			s.signIn(b)
			own := kept{SameSite: "Lax"} // as the client writes them
			b.expectCookies(map[string]kept{test.jwt: own, test.refresh: own})
			other := b.another()
			s.expectRendered(other, s.user())
			if n := s.refreshes(); n != 1 {
				t.Errorf("%d refreshes, want the client's own", n)
			}

			b.script(`document.cookie = "` + test.jwt + `=` + s.fake.ExpiredJWT(s.fake.NewUser(email)) + `; path=/"`)
			s.expectRendered(other, s.user())
			b.expectCookies(visible(test.jwt, test.refresh))
			b.reload()
			b.awaitUser(s.user())
			if n := s.refreshes(); n != 3 {
				t.Errorf("%d refreshes, want three: the sign-in's, the middleware's and the reload's", n)
			}
			if !s.fake.Live(b.jar()[test.refresh].Value) {
				t.Error("the refresh cookie is not the newest")
			}
			s.expectRendered(other, s.user())
			s.leaveAlone(b, other)
		})
	}
}

// leaveAlone logs a client without routes out, and looks that nothing is left
// and the kit's own routes were never asked.
func (s *site) leaveAlone(b, other *tab) {
	s.t.Helper()
	b.click("#logout")
	await(s.t, "an empty jar", nothing, b.shapes)
	await(s.t, "upstream's logout", 0, func() int { return s.fake.LiveOf(s.user()) })
	s.expectRendered(other, "")
	asked := len(s.journal.to("/refresh")) + len(s.journal.to("/logout"))
	if diff := cmp.Diff(0, asked); diff != "" {
		s.t.Errorf("requests to the routes (-want +got):\n%s", diff)
	}
}
