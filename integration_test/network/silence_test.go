package network_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/integration_test/network"
	"github.com/crossmint-go/auth/session"
)

// TestHalfOpen lets the connections that the client has fall silent for good,
// as when a router forgets them, while new ones work.
func TestHalfOpen(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteConfig{
				fake: crossminttest.Config{Reuse: strict}, tls: front(t, secure),
			})
			s.preload(t) // opens a connection
			p := newParty(t, s)
			s.proxy.Strand()
			p.recovers(t)
		})
	}
}

// TestUpstreamVanishes takes upstream away without a word to its clients; when
// it is back, it does not know their connections.
func TestUpstreamVanishes(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteConfig{
				fake: crossminttest.Config{Reuse: strict}, tls: front(t, secure),
				session: session.Config{RefreshBudget: callTimeout},
			})
			s.preload(t)
			p := newParty(t, s)
			s.proxy.Set(network.Link{Deaf: true, Mute: true})
			s.proxy.Strand()
			p.suffers(t, undecided)
			s.proxy.Set(network.Link{})
			p.recovers(t)
		})
	}
}

// TestColdStart starts without signing keys: nobody can tell a valid session
// from a false one, so all have to wait.
func TestColdStart(t *testing.T) {
	for name, link := range map[string]network.Link{"black hole": {Deaf: true, Mute: true}, "resets": {Refuse: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteConfig{fake: crossminttest.Config{Reuse: strict}})
			s.proxy.Set(link)
			v := s.visitor(t, "ada@example.com", false)
			if diff := cmp.Diff(undecided, v.get(t)); diff != "" {
				t.Errorf("valid session, keys out of reach (-want +got):\n%s", diff)
			}
			s.proxy.Set(network.Link{})
			v.recovers(t)
			s.visitor(t, "bob@example.com", true).recovers(t)
		})
	}
}

// TestLogoutIntoABlackHole logs out although upstream cannot be told.
func TestLogoutIntoABlackHole(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteConfig{session: session.Config{LogoutTimeout: callTimeout / 2}})
	s.preload(t)
	v := s.visitor(t, "ada@example.com", false)
	before := v.client.Jar.Cookies(v.url)
	s.proxy.Set(network.Link{Deaf: true, Mute: true})
	if diff := cmp.Diff(loggedOut, v.post(t, "/logout")); diff != "" {
		t.Errorf("logout (-want +got):\n%s", diff)
	}
	v.client.Jar.SetCookies(v.url, before)
	if got := v.get(t); got == served || got == renewed {
		t.Errorf("with what was logged out: %+v", got)
	}
}

// TestLostAnswer loses the answer in which upstream has replaced the token,
// and the one to the second try. An upstream that forgives signs nobody out;
// with a strict one the session is over, but only once it has said so.
func TestLostAnswer(t *testing.T) {
	for reuse, want := range map[crossminttest.ReusePolicy]reply{forgiving: renewed, strict: signedOut} {
		t.Run(fmt.Sprintf("policy %d", reuse), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteConfig{fake: crossminttest.Config{Reuse: reuse}})
			s.preload(t)
			v := s.visitor(t, "ada@example.com", true)
			s.proxy.Set(network.Link{Cut: network.InBody})
			if diff := cmp.Diff(undecided, v.get(t)); diff != "" {
				t.Errorf("answer lost (-want +got):\n%s", diff)
			}
			s.proxy.Set(network.Link{})
			if diff := cmp.Diff(want, v.get(t)); diff != "" {
				t.Errorf("afterwards (-want +got):\n%s", diff)
			}
		})
	}
}
