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

// as returns a grant as cookies of that generation.
func as(jwt, refresh string, grant session.Grant, httpOnly bool) []*http.Cookie {
	cookies := crossminttest.Cookies(grant)
	cookies[0].Name, cookies[1].Name, cookies[1].HttpOnly = jwt, refresh, httpOnly
	return cookies
}

// TestOlderGenerationsArrive has users whom other software has signed in. They
// stay signed in, and never get a second pair.
func TestOlderGenerationsArrive(t *testing.T) {
	unscoped := map[string]kept{unscopedJWT: readable, unscopedRefresh: hidden}
	scoped := func(refresh kept) map[string]kept {
		return map[string]kept{scopedJWT: readable, scopedRefresh: refresh}
	}
	for _, test := range []struct {
		name         string
		jwt, refresh string
		httpOnly     bool
		cookies      cookie.Config
		page, client map[string]kept // what there is after the rendered page, and after the client's refresh
	}{
		{"unscoped, HttpOnly", unscopedJWT, unscopedRefresh, true, cookie.Config{}, unscoped, unscoped},
		{"unscoped, readable", unscopedJWT, unscopedRefresh, false, cookie.Config{}, unscoped, documented},
		{"scoped, readable", scopedJWT, scopedRefresh, false, cookie.Config{}, scoped(readable), documented},
		{"scoped, HttpOnly, by configuration", scopedJWT, scopedRefresh, true, cookie.Config{Names: cookie.Scoped(projectID)}, scoped(hidden), scoped(hidden)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, options{cookies: test.cookies})
			b := newTab(t)
			s.arrive(b, as(test.jwt, test.refresh, s.fake.Grant(s.fake.NewUser(email)), test.httpOnly)...)
			s.expectRendered(b, s.user())
			if n := s.refreshes(); n != 0 {
				t.Errorf("%d refreshes for a valid JWT", n)
			}
			s.arrive(b, as(test.jwt, test.refresh, s.morning(), test.httpOnly)...)
			s.expectRendered(b, s.user())
			b.expectCookies(test.page)

			s.arrive(b, as(test.jwt, test.refresh, s.morning(), test.httpOnly)...)
			b.open(s.url)
			b.awaitUser(s.user())
			b.expectCookies(test.client)
			s.expectRendered(b, s.user())
		})
	}
}

// TestDeadPairBesideALiveOne has a browser with two generations of cookies. The
// pair whose JWT ended last is tried first, and it is the dead one.
func TestDeadPairBesideALiveOne(t *testing.T) {
	s := newSite(t, options{})
	b := newTab(t)
	dead := s.morning()
	dead.JWT = session.NewSecret(s.fake.Sign(dead.User, nil, map[string]any{"exp": time.Now().Add(-time.Second).Unix()}))
	s.fake.Revoke(dead.RefreshToken.Secret.Reveal())
	s.arrive(b, append(crossminttest.Cookies(dead), as(scopedJWT, scopedRefresh, s.morning(), false)...)...)
	s.expectRendered(b, s.user())
	b.expectCookies(map[string]kept{scopedJWT: readable, scopedRefresh: readable})
}

// TestPlantedCookieNeverReceivesTheSecret has somebody's page plant a readable
// cookie beside an HttpOnly session, and hope to find the next refresh token in
// it. Cookies know no ports, so another application of the host's can.
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
			victim, attackers := s.morning(), s.fake.Grant(s.fake.NewUser("mallory@example.com"))
			s.arrive(b, crossminttest.Cookies(victim)...)
			planter := b.another()
			planter.open(under(test.from, newBlank(t)))
			for _, c := range test.plant(victim.JWT.Reveal(), attackers.RefreshToken.Secret.Reveal()) {
				planter.script(`document.cookie = "` + c + `; path=/"`)
			}
			before := b.jar()
			if len(before) == len(documented) {
				t.Fatal("the browser has not taken the planted cookie")
			}
			s.expectRendered(b, s.user())
			s.expectNoReadableSecret(b, before)
			if c := b.jar()[unscopedRefresh]; !c.HTTPOnly || !s.fake.Live(c.Value) || c.Value == before[unscopedRefresh].Value {
				t.Error("the session was not renewed where it was")
			}
			b.open(s.url)
			await(t, "the client's refresh", true, func() bool { state := b.state(); return state.Renewals+state.Logouts > 0 })
			s.expectNoReadableSecret(b, before)
		})
	}
}

// expectNoReadableSecret looks that every readable refresh cookie is gone or
// as it was planted.
func (s *site) expectNoReadableSecret(b *tab, before map[string]*network.Cookie) {
	s.t.Helper()
	for name, c := range b.jar() {
		if !c.HTTPOnly && strings.HasPrefix(name, unscopedRefresh) && (before[name] == nil || c.Value != before[name].Value) {
			s.t.Errorf("%s is readable and has changed", name)
		}
	}
}
