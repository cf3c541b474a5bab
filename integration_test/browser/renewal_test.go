package browser_test

import (
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// morning returns what a browser has in the morning: cookies whose JWT has
// expired over night.
func (s *site) morning() session.Grant { return s.fake.ExpiredGrant(s.fake.NewUser(email)) }

func TestMiddlewareRenewsSilently(t *testing.T) {
	s := newSite(t, options{})
	b := newTab(t)
	s.arrive(b, crossminttest.Cookies(s.morning())...)
	before := b.jar()

	s.expectRendered(b, s.user())
	s.expectRendered(b, s.user()) // by what was renewed

	after := b.jar()
	b.expectCookies(documented)
	for name := range documented {
		if before[name].Value == after[name].Value {
			t.Errorf("%s is the old one", name)
		}
	}
	if n := s.refreshes(); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

func TestClientRenewsOnLoad(t *testing.T) {
	eachClient(t, func(t *testing.T, c client) {
		s := newSite(t, options{client: c})
		b := newTab(t)
		s.arrive(b, crossminttest.Cookies(s.morning())...)
		b.open(s.url)
		b.awaitUser(s.user())
		b.expectCookies(documented)
		s.expectRendered(b, s.user())
		if n := s.refreshes(); n != 1 {
			t.Errorf("%d refreshes, want 1", n)
		}
	})
}

// TestClientRenewsBeforeTheEnd has JWTs that end little after the 120 s that
// the client leaves before their end: it renews a second time by itself.
func TestClientRenewsBeforeTheEnd(t *testing.T) {
	s := newSite(t, options{fake: crossminttest.Config{JWTLifetime: 125 * time.Second, Reuse: crossminttest.ReuseRevokesFamily}})
	b := newTab(t)
	s.arrive(b, crossminttest.Cookies(s.fake.Grant(s.fake.NewUser(email)))...)
	b.open(s.url)
	await(t, "the second renewal", true, func() bool { return b.state().Renewals >= 2 })
	b.awaitUser(s.user())
	b.expectCookies(documented)
	if n := len(s.journal.to("/")); n != 1 {
		t.Errorf("the page was loaded %d times", n)
	}
}

// TestTabsAndRenderedPageRace opens two tabs with the client and one that the
// server renders, in the morning. Upstream takes each refresh token once, and
// ends the session of a browser that presents it again.
func TestTabsAndRenderedPageRace(t *testing.T) {
	for name, held := range map[string]bool{"all before the answer": true, "as it comes": false} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, options{fake: crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}})
			first := newTab(t)
			second, third := first.another(), first.another()
			s.arrive(first, crossminttest.Cookies(s.morning())...)
			release := func() {}
			if held {
				release = s.holdRefreshes()
			}
			third.start(`location.assign("` + s.url + `/page"), ""`) // does not wait
			first.open(s.url)
			second.open(s.url)
			await(t, "all requests", [2]int{2, 1}, func() [2]int {
				return [2]int{s.journal.arrivals("/refresh"), s.journal.arrivals("/page")}
			})
			release()
			first.awaitUser(s.user())
			second.awaitUser(s.user())
			await(t, "the rendered user", s.user(), func() string { return third.text("#user") })
			if n := s.refreshes(); held && n != 1 {
				t.Errorf("%d refreshes, want 1", n)
			}
			first.expectCookies(documented)
			first.reload()
			first.awaitUser(s.user())
			s.expectRendered(second, s.user())
		})
	}
}

// holdRefreshes lets upstream's next answer wait until release is called.
func (s *site) holdRefreshes() (release func()) {
	s.t.Helper()
	gate := make(chan struct{})
	s.fake.Fail(crossminttest.Refresh, crossminttest.Replace(func(answer []byte) []byte {
		select {
		case <-gate:
		case <-s.t.Context().Done(): // the test is over
		}
		return answer
	}))
	return func() { close(gate) }
}
