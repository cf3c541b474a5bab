package browser_test

import (
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// expired returns a session whose JWT has expired.
func (s *site) expired() session.Grant { return s.fake.ExpiredGrant(s.fake.NewUser(email)) }

func TestMiddlewareRenewsSilently(t *testing.T) {
	s := newSite(t, options{})
	b := newTab(t)
	s.arrive(b, crossminttest.Cookies(s.expired())...)
	before := b.jar()

	s.expectRendered(b, s.user())
	s.expectRendered(b, s.user()) // with the renewed cookies

	after := b.jar()
	b.expectCookies(documented)
	for name := range documented {
		if before[name].Value == after[name].Value {
			t.Errorf("%s was not renewed", name)
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
		s.arrive(b, crossminttest.Cookies(s.expired())...)
		b.open(s.url)
		b.awaitUser(s.user())
		b.expectCookies(documented)
		s.expectRendered(b, s.user())
		if n := s.refreshes(); n != 1 {
			t.Errorf("%d refreshes, want 1", n)
		}
	})
}

// TestClientRenewsBeforeTheEnd uses JWTs that expire shortly after 120 s. The client renews
// 120 s before the end, so it renews a second time by itself.
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

// TestTabsAndRenderedPageRace opens two tabs with the client and one with the rendered
// page, all with an expired JWT. Upstream accepts each refresh token once and ends the
// session if it comes again.
func TestTabsAndRenderedPageRace(t *testing.T) {
	for name, held := range map[string]bool{"all before the response": true, "in any order": false} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, options{fake: crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}})
			first := newTab(t)
			second, third := first.another(), first.another()
			s.arrive(first, crossminttest.Cookies(s.expired())...)
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

// holdRefreshes delays the next response of upstream until release is called.
func (s *site) holdRefreshes() (release func()) {
	s.t.Helper()
	released := make(chan struct{})
	s.fake.Fail(crossminttest.Refresh, crossminttest.Replace(func(response []byte) []byte {
		select {
		case <-released:
		case <-s.t.Context().Done(): // the test is over
		}
		return response
	}))
	return func() { close(released) }
}
