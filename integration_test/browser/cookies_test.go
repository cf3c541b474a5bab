package browser_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// namedCookies returns the cookies of a grant with the given names.
func namedCookies(jwt, refresh string, grant session.Grant, httpOnly bool) []*http.Cookie {
	cookies := crossminttest.Cookies(grant)
	cookies[0].Name, cookies[1].Name, cookies[1].HttpOnly = jwt, refresh, httpOnly
	return cookies
}

// TestCookiesOfOtherNames uses sessions of other software. They continue and never get a
// second pair of cookies.
func TestCookiesOfOtherNames(t *testing.T) {
	unscoped := map[string]kept{unscopedJWT: readable, unscopedRefresh: hidden}
	scoped := func(refresh kept) map[string]kept {
		return map[string]kept{scopedJWT: readable, scopedRefresh: refresh}
	}
	for _, test := range []struct {
		name         string
		jwt, refresh string
		httpOnly     bool
		cookies      cookie.Config
		page, client map[string]kept // cookies after the rendered page, and after the refresh of the client
	}{
		{"unscoped, HttpOnly", unscopedJWT, unscopedRefresh, true, cookie.Config{}, unscoped, unscoped},
		{"unscoped, readable", unscopedJWT, unscopedRefresh, false, cookie.Config{}, unscoped, documented},
		{"scoped, readable", scopedJWT, scopedRefresh, false, cookie.Config{}, scoped(readable), documented},
		{"scoped, HttpOnly, by configuration", scopedJWT, scopedRefresh, true, cookie.Config{Names: cookie.Scoped(projectID)}, scoped(hidden), scoped(hidden)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, options{cookies: test.cookies})
			b := newTab(t)
			s.arrive(b, namedCookies(test.jwt, test.refresh, s.fake.Grant(s.fake.NewUser(email)), test.httpOnly)...)
			s.expectRendered(b, s.user())
			if n := s.refreshes(); n != 0 {
				t.Errorf("%d refreshes for a valid JWT", n)
			}
			s.arrive(b, namedCookies(test.jwt, test.refresh, s.expired(), test.httpOnly)...)
			s.expectRendered(b, s.user())
			b.expectCookies(test.page)

			s.arrive(b, namedCookies(test.jwt, test.refresh, s.expired(), test.httpOnly)...)
			b.open(s.url)
			b.awaitUser(s.user())
			b.expectCookies(test.client)
			s.expectRendered(b, s.user())
		})
	}
}

// TestDeadPairBesideLivePair uses a browser with two pairs of cookies. The kit first tries
// the pair whose JWT has expired last, which is the dead one. It stays, because upstream
// has refused its token only once, and it is not tried again beside the renewed one.
func TestDeadPairBesideLivePair(t *testing.T) {
	s := newSite(t, options{})
	b := newTab(t)
	dead := s.expired()
	dead.JWT = session.NewSecret(s.fake.Sign(dead.User, nil, map[string]any{"exp": time.Now().Add(-time.Second).Unix()}))
	s.fake.Revoke(dead.RefreshToken.Secret.Reveal())
	s.arrive(b, append(crossminttest.Cookies(dead), namedCookies(scopedJWT, scopedRefresh, s.expired(), false)...)...)
	want := b.shapes()
	for range 2 {
		s.expectRendered(b, s.user())
		want[scopedJWT], want[scopedRefresh] = readable, readable
		b.expectCookies(want)
	}
	if jar := b.jar(); jar[unscopedRefresh].Value != dead.RefreshToken.Secret.Reveal() || !s.fake.Live(jar[scopedRefresh].Value) {
		t.Error("the dead pair was replaced, or the live one was not renewed")
	}
	if n := s.refreshes(); n != 2 {
		t.Errorf("%d refreshes, want 2: one for each pair", n)
	}
}

// TestPlantedCookieNeverReceivesTheSecret lets an attacker's page set a readable cookie
// beside an HttpOnly session. The next refresh token must not be stored in it. Another
// application of the host can do this, because cookies ignore ports.
func TestPlantedCookieNeverReceivesTheSecret(t *testing.T) {
	const own, sibling = "app.shop.localhost", "blog.shop.localhost"
	for _, test := range []struct {
		name, from string
		plant      func(jwt, attackers string) []string
	}{
		{"scoped refresh cookie", own, func(string, string) []string { return []string{scopedRefresh + "=planted"} }},
		{"scoped pair with the user's JWT", own, func(jwt, _ string) []string {
			return []string{scopedRefresh + "=planted", scopedJWT + "=" + jwt}
		}},
		{"scoped pair with the user's JWT and the attacker's live token", own, func(jwt, attackers string) []string {
			return []string{scopedRefresh + "=" + attackers, scopedJWT + "=" + jwt}
		}},
		{"documented refresh cookie of the whole domain", sibling, func(string, string) []string {
			return []string{unscopedRefresh + "=planted; domain=shop.localhost"}
		}},
		{"scoped refresh cookie of the whole domain", sibling, func(string, string) []string {
			return []string{scopedRefresh + "=planted; domain=shop.localhost"}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, options{host: own})
			b := newTab(t)
			victim, attackers := s.expired(), s.fake.Grant(s.fake.NewUser("mallory@example.com"))
			s.arrive(b, crossminttest.Cookies(victim)...)
			planter := b.another()
			planter.open(under(test.from, newBlank(t)))
			for _, c := range test.plant(victim.JWT.Reveal(), attackers.RefreshToken.Secret.Reveal()) {
				planter.script(`document.cookie = "` + c + `; path=/"`)
			}
			before := b.jar()
			if len(before) == len(documented) {
				t.Fatal("the browser has not stored the planted cookie")
			}
			s.expectRendered(b, s.user())
			s.expectNoReadableSecret(b, before)
			if c := b.jar()[unscopedRefresh]; !c.HTTPOnly || !s.fake.Live(c.Value) || c.Value == before[unscopedRefresh].Value {
				t.Error("the session was not renewed under its own names")
			}
			b.open(s.url)
			await(t, "the client's refresh", true, func() bool { state := b.state(); return state.Renewals+state.Logouts > 0 })
			s.expectNoReadableSecret(b, before)
		})
	}
}

// expectNoReadableSecret checks that every readable refresh cookie is deleted or
// unchanged.
func (s *site) expectNoReadableSecret(b *tab, before map[string]*network.Cookie) {
	s.t.Helper()
	for name, c := range b.jar() {
		if !c.HTTPOnly && strings.HasPrefix(name, unscopedRefresh) && (before[name] == nil || c.Value != before[name].Value) {
			s.t.Errorf("%s is readable and has changed", name)
		}
	}
}
