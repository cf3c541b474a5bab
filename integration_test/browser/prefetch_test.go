package browser_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
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

// postForm is a script that submits a form and notes in the title when that is done.
const postForm = `fetch(%q, {method: "POST", body: new URLSearchParams({%q: %q})}).then(() => { document.title = %[1]q }), ""`

// speculativeSite is a site with pages that Chromium may fetch in advance.
type speculativeSite struct {
	*testkit.Kit
	url       string
	inAdvance atomic.Int64 // responses to such requests
}

func newSpeculativeSite(t *testing.T) *speculativeSite {
	t.Helper()
	s := &speculativeSite{Kit: testkit.New(t, testkit.Config{})}
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: s.Client.ProjectID()}))
	page := &url.URL{Path: "/signin"}
	signIn := handlers.NewSignIn(s.Client, s.Manager, cookies, handlers.SignInConfig{EmailPage: page, CodePage: page})
	showUser := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		member, _ := session.FromContext(r.Context())
		writeHTML(w, "user "+member.UserID)
	})
	showVisitor := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := session.FromContext(r.Context()); ok {
			showUser(w, r)
			return
		}
		writeHTML(w, "nobody")
	})
	config := middleware.Config{SignIn: page}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /start", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, "start") })
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, "sign in") })
	mux.Handle("GET /private", middleware.RequireSession(s.Manager, cookies, config)(showUser))
	mux.Handle("GET /public", middleware.OptionalSession(s.Manager, cookies, config)(showVisitor))
	mux.HandleFunc("/send", signIn.SendCode)
	mux.HandleFunc("/confirm", signIn.ConfirmCode)
	mux.HandleFunc("GET /arrive", func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range crossminttest.Cookies(s.Fake.Grant(s.Fake.NewUser(email))) {
			http.SetCookie(w, c)
		}
	})
	s.url = serve(t, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
		if r.Header.Get("Sec-Purpose") != "" {
			s.inAdvance.Add(1)
		}
	}))
	return s
}

// signIn signs a new user in with the forms, and returns the ID.
func (s *speculativeSite) signIn(t *testing.T, b page) (user string) {
	t.Helper()
	address := rand.Text() + "@example.com"
	user = s.Fake.NewUser(address).ID
	submit := func(form, field, value string) {
		b.run(fmt.Sprintf(postForm, form, field, value))
		await(t, form, form, func() string { return b.run("document.title") })
	}
	b.open(s.url + "/start")
	submit("/send", "email", address)
	submit("/confirm", "code", s.Fake.Code(address))
	return user
}

// TestPageFetchedBeforeSignIn lets Chromium fetch pages in advance, signs a user in in
// another tab, and opens these pages. They show that user.
func TestPageFetchedBeforeSignIn(t *testing.T) {
	s := newSpeculativeSite(t)
	for _, rule := range []string{"prefetch", "prerender"} {
		for _, path := range []string{"/private", "/public"} {
			for name, arrive := range map[string]bool{"nobody": false, "another user": true} {
				t.Run(fmt.Sprintf("%s of %s for %s", rule, path, name), func(t *testing.T) {
					b := newTab(t)
					if arrive {
						b.open(s.url + "/arrive")
					}
					before := s.inAdvance.Load()
					b.open(s.url + "/start")
					b.run(fmt.Sprintf(speculate, rule, path))
					await(t, "the request in advance", true, func() bool { return s.inAdvance.Load() > before })
					user := s.signIn(t, b.another())
					b.run(fmt.Sprintf(`location = %q, ""`, path))
					await(t, "the page", path+" user "+user, func() string { return shown(b) })
				})
			}
		}
	}
}
