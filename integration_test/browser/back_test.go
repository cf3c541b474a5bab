package browser_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// memberSite is a site whose pages are for signed-in users and have a form that logs out.
type memberSite struct {
	*testkit.Kit
	url   string
	after string // the page after a logout
}

func newMemberSite(t *testing.T, after string) *memberSite {
	t.Helper()
	s := &memberSite{Kit: testkit.New(t, testkit.Config{}), after: after}
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: s.Client.ProjectID()}))
	require := middleware.RequireSession(s.Manager, cookies, middleware.Config{})
	mux := http.NewServeMux()
	for _, path := range []string{"/private", "/no-store", "/reload"} {
		mux.Handle("GET "+path, require(http.HandlerFunc(memberPage)))
	}
	mux.Handle("/logout", handlers.Logout(s.Manager, cookies, handlers.Config{AfterLogout: &url.URL{Path: after}}))
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, "Bye") })
	mux.HandleFunc("GET /bye/evict", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Clear-Site-Data", `"cache"`)
		writeHTML(w, "Bye")
	})
	mux.HandleFunc("GET /arrive", func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range crossminttest.Cookies(s.Fake.Grant(s.Fake.NewUser(email))) {
			http.SetCookie(w, c)
		}
	})
	s.url = serve(t, true, mux)
	return s
}

// reloadRestored is a script that loads a page again when the browser shows it from
// memory.
const reloadRestored = `<script>addEventListener("pageshow", (event) => { if (event.persisted) location.reload() })</script>`

// memberPage shows the user. Its path says how it is kept from the next user of the
// browser.
func memberPage(w http.ResponseWriter, r *http.Request) {
	member, _ := session.FromContext(r.Context())
	more := ""
	switch r.URL.Path {
	case "/no-store":
		w.Header().Set("Cache-Control", "no-store")
	case "/reload":
		more = reloadRestored
	}
	writeHTML(w, `<title>Member</title><p id="user">`+member.UserID+`</p>`+signOutForm+more)
}

func writeHTML(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html>"+body) // the browser may be gone
}

// evictionTime is how long the browser gets to drop pages from memory.
const evictionTime = 2 * time.Second

// shownAfterLogout signs in, opens a page, logs out there, or on the page of the path last
// if it is not "", and goes back to the first page. It returns whether the user is shown
// there.
func (s *memberSite) shownAfterLogout(t *testing.T, p page, path, last string) string {
	t.Helper()
	p.open(s.url + "/arrive")
	p.open(s.url + path)
	back := -1
	if last != "" {
		p.run(fmt.Sprintf(`location.assign(%q), ""`, last))
		await(t, "the page of the logout", last, func() string { return location(p) })
		back = -2
	}
	p.run(`document.querySelector("#logout").click(), ""`)
	await(t, "the page after the logout", s.after, func() string { return location(p) })
	if last != "" {
		time.Sleep(evictionTime) // the page of the logout itself is not evicted
	}
	p.run(fmt.Sprintf(`history.go(%d), ""`, back))
	await(t, "the page before", path, func() string { return location(p) })
	for end := time.Now().Add(evictionTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got := p.run(whetherShown); got == "not shown" { // a page may load again by itself
			return got
		}
	}
	return "shown"
}

// whetherShown is a script that returns whether a loaded page shows the user.
const whetherShown = `document.readyState !== "complete" ? "" : document.querySelector("#user") ? "shown" : "not shown"`

// location returns the path of the page, once it is loaded.
func location(p page) string {
	return p.run(`document.readyState === "complete" ? location.pathname : ""`)
}
