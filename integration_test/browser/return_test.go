package browser_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
)

// TestReturnFromAnotherSite lets a page of another site, for example that of a payment,
// send a signed-in user back by a form. Browsers leave the cookies out of such a POST, so
// a protected path refuses it. A path outside the middleware that redirects to a protected
// page works.
func TestReturnFromAnotherSite(t *testing.T) {
	k := testkit.New(t, testkit.Config{})
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: k.Client.ProjectID()}))
	require := middleware.RequireSession(k.Manager, cookies, middleware.Config{SignIn: &url.URL{Path: "/signin"}})
	mux := http.NewServeMux()
	mux.Handle("/private", require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { writeHTML(w, r.Method) })))
	mux.Handle("POST /paid", http.RedirectHandler("/private", http.StatusSeeOther))
	mux.HandleFunc("GET /pay", func(w http.ResponseWriter, r *http.Request) {
		writeHTML(w, fmt.Sprintf(`<form method="post" action="%s"><input name="a" value="1"></form><script>document.forms[0].submit()</script>`, r.FormValue("then")))
	})
	mux.HandleFunc("GET /arrive", func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range crossminttest.Cookies(k.Fake.Grant(k.Fake.NewUser(email))) {
			http.SetCookie(w, c)
		}
	})
	site := serve(t, true, mux)
	eachBrowser(t, func(t *testing.T, p page) {
		p.open(site + "/arrive")
		for _, step := range []struct{ open, want string }{
			{under("localhost", site) + "/pay?then=" + url.QueryEscape(site+"/private"), "/private Please sign in You are not signed in, or your session has ended."},
			{under("localhost", site) + "/pay?then=" + url.QueryEscape(site+"/paid"), "/private GET"},
			{site + "/private", "/private GET"},
		} {
			p.open(step.open)
			await(t, step.open, step.want, func() string {
				return p.run(`document.readyState !== "complete" ? "" : location.pathname + " " + document.body.innerText.replace(/\s+/g, " ").trim()`)
			})
		}
	})
}
