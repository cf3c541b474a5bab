package browser_test

import (
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// shortBudget ends /refresh soon.
const shortBudget = 300 * time.Millisecond

// TestOutage reloads both pages while upstream is down, and again when it is
// back.
func TestOutage(t *testing.T) {
	fresh := func(s *site) session.Grant { return s.fake.Grant(s.fake.NewUser(email)) }
	for _, test := range []struct {
		name     string
		grant    func(*site) session.Grant
		sessions session.Config
		page     int // the status of the rendered page during the outage
	}{
		{"JWT valid", fresh, session.Config{RefreshBudget: shortBudget}, 200},
		{"JWT expired, StaleFor", (*site).expired, session.Config{RefreshBudget: shortBudget, StaleFor: time.Hour}, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, options{sessions: test.sessions})
			b := newTab(t)
			s.arrive(b, crossminttest.Cookies(test.grant(s))...)
			before := b.jar()
			s.fake.Down()
			b.open(s.url)
			b.awaitUser(s.user())
			b.open(s.url + "/page")
			if status := s.journal.last("/page").Status; status != test.page {
				t.Errorf("the rendered page: %d, want %d", status, test.page)
			}
			if diff := cmp.Diff(before, b.jar()); diff != "" {
				t.Errorf("cookies (-before +after):\n%s", diff)
			}

			fatal(t, s.fake.Up())
			s.expectRendered(b, s.user())
			b.open(s.url)
			b.awaitUser(s.user())
			b.expectCookies(documented)
		})
	}
}

// TestOutageWithoutStaleFor shows the need for StaleFor: the client logs out on every
// status but 200.
func TestOutageWithoutStaleFor(t *testing.T) {
	s := newSite(t, options{sessions: session.Config{RefreshBudget: shortBudget}})
	b := newTab(t)
	s.arrive(b, crossminttest.Cookies(s.expired())...)
	s.fake.Down()
	b.open(s.url)
	b.awaitState("the client's logout", state{Logouts: 1})
	await(t, "an empty jar", nothing, b.shapes)
	want := visit{"POST", "/refresh", "same-origin", pair, 503, nil}
	if diff := cmp.Diff(want, s.journal.last("/refresh")); diff != "" {
		t.Errorf("refresh (-want +got):\n%s", diff)
	}
}

func TestRejectedTokenEndsTheSession(t *testing.T) {
	t.Run("at the client's refresh", func(t *testing.T) {
		s, b := revoked(t)
		b.open(s.url)
		b.awaitState("the client's logout", state{Logouts: 1})
		expectCleared(t, s.journal.last("/refresh"), "POST", "same-origin")
		await(t, "an empty jar", nothing, b.shapes)
	})
	t.Run("at a rendered page", func(t *testing.T) {
		s, b := revoked(t)
		s.expectRendered(b, "")
		expectCleared(t, s.journal.last("/page"), "GET", "none")
		b.expectCookies(nothing)
		s.openAnonymously(b)
	})
}

// revoked returns a site, and a tab whose session upstream has ended.
func revoked(t *testing.T) (*site, *tab) {
	t.Helper()
	s := newSite(t, options{})
	b := newTab(t)
	s.arrive(b, crossminttest.Cookies(s.expired())...)
	b.expectCookies(map[string]kept{documentedJWT: {SameSite: "Lax"}, unscopedRefresh: {SameSite: "Lax", HTTPOnly: true}})
	s.fake.RevokeUser(s.user())
	return s, b
}

// expectCleared checks that the response has cleared the cookies.
func expectCleared(t *testing.T, got visit, method, fetchSite string) {
	t.Helper()
	want := visit{method, got.Path, fetchSite, pair, 401, pair}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("visit (-want +got):\n%s", diff)
	}
}
