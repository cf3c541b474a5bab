package network_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/integration_test/network"
	"github.com/crossmint-go/auth/session"
)

// TestHalfOpen silences the open connections of the client, as when a router has lost
// its state. New ones work.
func TestHalfOpen(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteConfig{
				fake: crossminttest.Config{Reuse: strict}, tls: front(t, secure),
			})
			s.preload(t) // opens a connection
			p := newBrowsers(t, s)
			s.proxy.Silence()
			p.recovers(t)
		})
	}
}

// TestUpstreamVanishes takes upstream away without an error for its clients. When it is
// back, it does not know their connections.
func TestUpstreamVanishes(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteConfig{
				fake: crossminttest.Config{Reuse: strict}, tls: front(t, secure),
				session: session.Config{RefreshBudget: callTimeout},
			})
			s.preload(t)
			p := newBrowsers(t, s)
			s.proxy.Set(network.Link{DropRequests: true, DropResponses: true})
			s.proxy.Silence()
			p.send(t, unavailable)
			s.proxy.Set(network.Link{})
			p.recovers(t)
		})
	}
}

// TestColdStart starts without signing keys. No session can be verified, so all
// requests get 503.
func TestColdStart(t *testing.T) {
	for name, link := range map[string]network.Link{"bytes dropped": {DropRequests: true, DropResponses: true}, "resets": {Refuse: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteConfig{fake: crossminttest.Config{Reuse: strict}})
			s.proxy.Set(link)
			v := s.visitor(t, "ada@example.com", false)
			if diff := cmp.Diff(unavailable, v.get(t)); diff != "" {
				t.Errorf("valid session, keys unavailable (-want +got):\n%s", diff)
			}
			s.proxy.Set(network.Link{})
			v.recovers(t)
			s.visitor(t, "bob@example.com", true).recovers(t)
		})
	}
}

// TestLogoutWithoutUpstream logs out while upstream is unreachable.
func TestLogoutWithoutUpstream(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig{session: session.Config{LogoutTimeout: callTimeout / 2}})
	s.preload(t)
	v := s.visitor(t, "ada@example.com", false)
	before := v.client.Jar.Cookies(v.url)
	s.proxy.Set(network.Link{DropRequests: true, DropResponses: true})
	if diff := cmp.Diff(loggedOut, v.post(t, "/logout")); diff != "" {
		t.Errorf("logout (-want +got):\n%s", diff)
	}
	v.client.Jar.SetCookies(v.url, before)
	if got := v.get(t); got == served || got == renewed {
		t.Errorf("with the old cookies after the logout: %+v", got)
	}
}

// TestLostResponse loses the response in which upstream has replaced the token, and that
// of the second try. With a grace period the session continues. Without one it ends:
// the cookies stay after upstream's first refusal, and go after the second one.
func TestLostResponse(t *testing.T) {
	tests := map[crossminttest.ReusePolicy][]reply{lenient: {renewed, served}, strict: {rejected, signedOut}}
	for reuse, want := range tests {
		t.Run(fmt.Sprintf("policy %d", reuse), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteConfig{fake: crossminttest.Config{Reuse: reuse}})
			s.preload(t)
			v := s.visitor(t, "ada@example.com", true)
			s.proxy.Set(network.Link{Cut: network.InBody})
			if diff := cmp.Diff(unavailable, v.get(t)); diff != "" {
				t.Errorf("response lost (-want +got):\n%s", diff)
			}
			s.proxy.Set(network.Link{})
			got := []reply{v.get(t)}
			v.refusedBefore(t)
			got = append(got, v.get(t))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("afterwards, and two hours later (-want +got):\n%s", diff)
			}
		})
	}
}
