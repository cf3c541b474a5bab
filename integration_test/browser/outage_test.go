package browser_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
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

// TestRejectedTokenEndsTheSession shows upstream's first refusal: the browser is
// redirected once, and keeps its cookies. After a second one, hours later, they are
// deleted.
func TestRejectedTokenEndsTheSession(t *testing.T) {
	marked := []string{unscopedRefresh, marker, documentedJWT}
	t.Run("at the client's refresh", func(t *testing.T) {
		s, b := revoked(t)
		b.open(s.url)
		b.awaitState("the client's logout", state{Logouts: 1})
		want := []visit{
			{"POST", "/refresh", "same-origin", pair, 307, []string{marker}},
			{"POST", "/refresh", "same-origin", marked, 401, nil},
		}
		if diff := cmp.Diff(want, s.journal.to("/refresh")); diff != "" {
			t.Errorf("refreshes (-want +got):\n%s", diff)
		}
		await(t, "an empty jar, after the client's logout", nothing, b.shapes)
	})
	t.Run("at a rendered page", func(t *testing.T) {
		s, b := revoked(t)
		refresh := b.jar()[unscopedRefresh].Value
		before := b.shapes()
		s.expectRendered(b, "")
		want := []visit{{"GET", "/page", "none", pair, 307, []string{marker}}, {"GET", "/page", "none", marked, 401, nil}}
		if diff := cmp.Diff(want, s.journal.to("/page")); diff != "" {
			t.Errorf("page (-want +got):\n%s", diff)
		}
		before[marker] = hidden
		b.expectCookies(before)

		s.arrive(b, markerOf(t, refresh, time.Now().Add(-2*time.Hour)))
		s.expectRendered(b, "")
		if diff := cmp.Diff(visit{"GET", "/page", "none", marked, 401, marked}, s.journal.last("/page")); diff != "" {
			t.Errorf("page, hours later (-want +got):\n%s", diff)
		}
		b.expectCookies(nothing)
		s.openAnonymously(b)
	})
	t.Run("at the client's refresh, hours later", func(t *testing.T) {
		s, b := revoked(t)
		s.arrive(b, markerOf(t, b.jar()[unscopedRefresh].Value, time.Now().Add(-2*time.Hour)))
		b.open(s.url)
		b.awaitState("the client's logout", state{Logouts: 1})
		if diff := cmp.Diff([]visit{{"POST", "/refresh", "same-origin", marked, 401, marked}}, s.journal.to("/refresh")); diff != "" {
			t.Errorf("refreshes (-want +got):\n%s", diff)
		}
		await(t, "an empty jar", nothing, b.shapes)
	})
}

// markerOf returns the cookie that says when upstream has first refused the refresh
// token.
func markerOf(t *testing.T, refresh string, at time.Time) *http.Cookie {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	fatal(t, err)
	testkit.AddMarker(r, refresh, at)
	c, err := r.Cookie(marker)
	fatal(t, err)
	c.Path = "/"
	return c
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
