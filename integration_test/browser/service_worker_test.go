package browser_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
)

// worker is a service worker that passes all requests on.
const worker = `
	addEventListener("install", () => skipWaiting());
	addEventListener("activate", (event) => event.waitUntil(clients.claim()));
	addEventListener("fetch", (event) => event.respondWith(fetch(event.request)));`

// TestServiceWorkerPassesNavigationsOn opens a protected page in a browser whose service
// worker handles the navigation. The browser is redirected to the sign-in page. Browsers
// run service workers on plain http only on their own machine.
func TestServiceWorkerPassesNavigationsOn(t *testing.T) {
	k := testkit.New(t, testkit.Config{})
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: k.Client.ProjectID()}))
	mux := http.NewServeMux()
	mux.HandleFunc("/worker.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, worker)
	})
	mux.HandleFunc("/public", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, "public") })
	mux.HandleFunc("/signin", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, "sign in") })
	require := middleware.RequireSession(k.Manager, cookies, middleware.Config{SignIn: &url.URL{Path: "/signin"}})
	mux.Handle("/private", require(http.NotFoundHandler()))
	site := serve(t, false, mux)
	eachBrowser(t, func(t *testing.T, p page) {
		p.open(site + "/public")
		p.run(`navigator.serviceWorker.register("/worker.js"), ""`)
		await(t, "control", "yes", func() string { return p.run(`navigator.serviceWorker.controller ? "yes" : ""`) })
		p.run(`location = "/private", ""`)
		await(t, "the page", "/signin?return_to=%2Fprivate sign in", func() string { return shown(p) })
	})
}
