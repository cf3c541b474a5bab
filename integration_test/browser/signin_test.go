package browser_test

import (
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/google/go-cmp/cmp"
)

// TestSignInToLogout visits the page, signs in by e-mail code, reloads, opens the rendered
// page, logs out and reloads.
func TestSignInToLogout(t *testing.T) {
	eachClient(t, func(t *testing.T, c client) {
		s := newSite(t, options{client: c, handlers: handlers.Config{OmitRefreshSecret: true}})
		s.signInToLogout(newTab(t), documented)
	})
}

// TestSignInToLogoutOverPlainHTTP is the same at http://localhost, with cookies that are
// not Secure.
func TestSignInToLogoutOverPlainHTTP(t *testing.T) {
	s := newSite(t, options{host: "localhost", cookies: cookie.Config{InsecureAllowHTTP: true}})
	insecure := func(k kept) kept { k.Secure = false; return k }
	s.signInToLogout(newTab(t), map[string]kept{documentedJWT: insecure(readable), unscopedRefresh: insecure(hidden)})
}

func (s *site) signInToLogout(b *tab, stored map[string]kept) {
	s.t.Helper()
	s.openAnonymously(b)
	if calls := s.refreshes() + s.fake.Calls().Logout; calls != 0 {
		s.t.Errorf("an anonymous view makes %d calls", calls)
	}
	s.signIn(b)
	if got := b.state(); got.User != s.user() || got.Failure != "" {
		s.t.Errorf("after the sign-in: %+v", got)
	}
	b.expectCookies(stored)

	b.reload()
	b.awaitUser(s.user())
	s.expectRendered(b, s.user())
	if refreshes, live := s.refreshes(), s.fake.LiveOf(s.user()); refreshes != 2 || live != 1 {
		s.t.Errorf("%d refreshes and %d live tokens, want 2 and 1", refreshes, live)
	}
	s.logOut(b)
	s.openAnonymously(b)
}

// logOut logs out on the page with the client and checks that no cookies are left.
func (s *site) logOut(b *tab) {
	s.t.Helper()
	b.open(s.url)
	b.awaitUser(s.user())
	logouts := len(s.journal.to("/logout"))
	b.click("#logout")
	await(s.t, "the logout", logouts+1, func() int { return len(s.journal.to("/logout")) })
	want := visit{"POST", "/logout", "same-origin", pair, 204, pair}
	if diff := cmp.Diff(want, s.journal.last("/logout")); diff != "" {
		s.t.Errorf("logout (-want +got):\n%s", diff)
	}
	await(s.t, "an empty jar", nothing, b.shapes)
	if live := s.fake.LiveOf(s.user()); live != 0 {
		s.t.Errorf("%d live tokens after the logout", live)
	}
	await(s.t, "the client's own logout", 1, func() int { return b.state().Logouts })
	s.expectRendered(b, "")
	if status := s.journal.last("/page").Status; status != 401 {
		s.t.Errorf("the rendered page: %d, want 401", status)
	}
}

// TestScriptsCannotReadTheSecret searches everything that a script can read for the
// refresh token.
func TestScriptsCannotReadTheSecret(t *testing.T) {
	const everything = `(async () => document.cookie + JSON.stringify([
		await cookieStore.getAll(), {...localStorage}, {...sessionStorage}, document.documentElement.outerHTML]))()`
	for name, want := range map[string]struct {
		omit      bool
		responses int // with the refresh token: sign-in and reload
	}{"documented response": {false, 2}, "secret omitted": {true, 0}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, options{handlers: handlers.Config{OmitRefreshSecret: want.omit}})
			b := newTab(t)
			s.openAnonymously(b)
			s.signIn(b)
			responses := b.state().Secrets
			b.reload()
			b.awaitUser(s.user())
			if responses += b.state().Secrets; responses != want.responses {
				t.Errorf("%d responses with the secret, want %d", responses, want.responses)
			}
			jar, seen := b.jar(), b.script(everything)
			if !s.fake.Live(jar[unscopedRefresh].Value) || strings.Contains(seen, jar[unscopedRefresh].Value) {
				t.Error("a script can read the refresh token, or it is not live")
			}
			if !strings.Contains(seen, jar[documentedJWT].Value) {
				t.Error("the JWT is hidden from scripts, too")
			}
		})
	}
}
