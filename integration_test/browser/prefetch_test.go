package browser_test

import (
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// speculate is a script that lets Chromium fetch or render a page in advance.
const speculate = `{
	const rules = document.createElement("script");
	rules.type = "speculationrules";
	rules.textContent = JSON.stringify({%q: [{source: "list", urls: [%q], eagerness: "immediate"}]});
	document.head.append(rules);
} ""`

// TestPageFetchedBeforeSignIn lets Chromium fetch pages in advance while nobody is signed
// in, signs in in another tab, and opens these pages: the protected page, and a public one
// if the response to the sign-in drops what was fetched.
func TestPageFetchedBeforeSignIn(t *testing.T) {
	k := testkit.New(t, testkit.Config{})
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: k.Client.ProjectID()}))
	var inAdvance atomic.Int64
	shows := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, signedIn := session.FromContext(r.Context())
		writeHTML(w, fmt.Sprintf("signed in: %t", signedIn))
	})
	config := middleware.Config{SignIn: &url.URL{Path: "/signin"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /start", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, "start") })
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, "sign in") })
	mux.Handle("GET /private", middleware.RequireSession(k.Manager, cookies, config)(shows))
	mux.Handle("GET /public", middleware.OptionalSession(k.Manager, cookies, config)(shows))
	mux.HandleFunc("GET /arrive", func(w http.ResponseWriter, r *http.Request) {
		for _, c := range crossminttest.Cookies(k.Fake.Grant(k.Fake.NewUser(email))) {
			http.SetCookie(w, c)
		}
		if r.FormValue("drop") != "" {
			w.Header().Set("Clear-Site-Data", `"prefetchCache", "prerenderCache"`)
		}
	})
	site := serve(t, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
		if r.Header.Get("Sec-Purpose") != "" {
			inAdvance.Add(1)
		}
	}))
	for _, rule := range []string{"prefetch", "prerender"} {
		for path, arrive := range map[string]string{"/private": "/arrive", "/public": "/arrive?drop=1"} {
			t.Run(rule+path, func(t *testing.T) {
				b := newTab(t)
				before := inAdvance.Load()
				b.open(site + "/start")
				b.run(fmt.Sprintf(speculate, rule, path))
				await(t, "the request in advance", true, func() bool { return inAdvance.Load() > before })
				b.another().open(site + arrive)
				b.run(fmt.Sprintf(`location = %q, ""`, path))
				await(t, "the page", path+" signed in: true", func() string { return shown(b) })
			})
		}
	}
}
