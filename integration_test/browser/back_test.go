package browser_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

const logoutForm = `<form method="post" action="/logout"><input type="hidden" name="action" value="sign-out"><button id="logout">Sign out</button></form>`

// newBackSite returns the address of a site with the page /home, which a browser may
// keep, and the page /account, which it may not. The page /in signs its reader in.
func newBackSite(t *testing.T) string {
	t.Helper()
	k := testkit.New(t, testkit.Config{})
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: k.Client.ProjectID(), InsecureAllowHTTP: true}))
	require := middleware.RequireSession(k.Manager, cookies, middleware.Config{})
	page := func(cacheControl string) http.Handler {
		return require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if cacheControl != "" {
				w.Header().Set("Cache-Control", cacheControl)
			}
			w.Header().Set("Content-Type", "text/html")
			s, _ := session.FromContext(r.Context())
			_, _ = io.WriteString(w, "<!doctype html><title>Site</title>Hello "+s.UserID+logoutForm)
		}))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /in", func(w http.ResponseWriter, r *http.Request) {
		grant := k.Fake.Grant(k.Fake.NewUser("ada@example.com"))
		testkit.NoError(t, cookies.Write(w, r, &grant))
	})
	mux.Handle("GET /home", page(""))
	mux.Handle("GET /account", page("no-store"))
	mux.Handle("/logout", handlers.Logout(k.Manager, cookies, handlers.Config{AfterLogout: &url.URL{Path: "/bye"}}))
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Bye") })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// TestBackAfterLogout goes back to the pages that a user has seen before the logout:
// the one on which the user has signed out, which says no-store, and the one before,
// which the response to the logout evicts.
func TestBackAfterLogout(t *testing.T) {
	site := newBackSite(t)
	eachFormTab(t, "back", func(t *testing.T, b *formTab) {
		at := func(path string) func() bool {
			return func() bool { return strings.HasPrefix(b.page(), path+" ") }
		}
		b.open(site + "/in")
		b.open(site + "/home")
		await(t, "the page that may be kept", true, func() bool { return strings.Contains(b.page(), "Hello") })
		b.run(`location.href = "/account"; ""`)
		await(t, "the page with the form", true, at("/account"))
		b.run(`document.querySelector("#logout").click(); ""`)
		await(t, "the page after the logout", true, at("/bye"))
		for _, path := range []string{"/account", "/home"} {
			b.run(`history.back(); ""`)
			await(t, "the page before", true, at(path))
			if text := b.page(); strings.Contains(text, "Hello") {
				t.Errorf("Back shows %q after the logout", text)
			}
		}
	})
}
