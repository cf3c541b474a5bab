package browser_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// The forms. A sign-out form without a field would be sent as GET by lynx.
const (
	emailForm   = `<p>Your address:<form method="post" action="/send"><input name="email"><button id="send">Send code</button></form>`
	codeForm    = `<p>Your code:<form method="post" action="/confirm"><input name="code"><button id="confirm">Sign in</button></form>`
	signOutForm = `<form method="post" action="/logout"><input type="hidden" name="action" value="sign-out"><button id="logout">Sign out</button></form>`
)

// formOptions configure a site with forms.
type formOptions struct {
	plainHTTP bool          // http, with cookies that are not Secure
	delay     time.Duration // of each of the two calls of upstream for a sign-in
	cookies   cookie.Config
	script    string // at the end of each page
}

// formSite is a site whose users sign in with two forms.
type formSite struct {
	*testkit.Kit
	formOptions
	url   string
	users int // that have signed in

	journal       journal
	confirmations atomic.Int64 // requests with a code
}

func newFormSite(t *testing.T, o formOptions) *formSite {
	t.Helper()
	s := &formSite{Kit: testkit.New(t, testkit.Config{}), formOptions: o}
	s.Fake.FailAlways(crossminttest.ConfirmOTP, crossminttest.Delay(o.delay))
	s.Fake.FailAlways(crossminttest.Refresh, crossminttest.Delay(o.delay))
	o.cookies.ProjectID, o.cookies.InsecureAllowHTTP = s.Client.ProjectID(), o.plainHTTP
	cookies := testkit.Must(cookie.NewCodec(o.cookies))
	signIn := handlers.NewSignIn(s.Client, s.Manager, cookies, handlers.SignInConfig{
		EmailPage: &url.URL{Path: "/signin"}, CodePage: &url.URL{Path: "/code"},
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, emailForm+o.script) })
	mux.HandleFunc("GET /code", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, codeForm+o.script) })
	mux.HandleFunc("/send", signIn.SendCode)
	mux.HandleFunc("/confirm", func(w http.ResponseWriter, r *http.Request) {
		s.confirmations.Add(1)
		signIn.ConfirmCode(w, r)
	})
	require := middleware.RequireSession(s.Manager, cookies, middleware.Config{})
	mux.Handle("GET /{$}", require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, _ := session.FromContext(r.Context())
		writeHTML(w, "<p>"+session.UserID+signOutForm+o.script)
	})))
	mux.Handle("/logout", handlers.Logout(s.Manager, cookies, handlers.Config{AfterLogout: &url.URL{Path: "/signin"}}))
	mux.HandleFunc("GET /expire", func(w http.ResponseWriter, _ *http.Request) {
		expired := s.Fake.ExpiredJWT(s.Fake.NewUser(s.email()))
		http.SetCookie(w, &http.Cookie{Name: documentedJWT, Value: expired, Path: "/", Secure: !o.plainHTTP})
	})
	s.url = serve(t, !o.plainHTTP, s.journal.record(mux))
	return s
}

// email returns the address of the last user.
func (s *formSite) email() string { return fmt.Sprintf("user%d@example.com", s.users) }

// shown returns the path and the text of the page, once it is loaded.
func shown(p page) string {
	return p.run(`document.readyState !== "complete" ? "" : location.pathname + location.search + " " + document.body.textContent.trim()`)
}

// enterCode sends a code to a new user, enters it in the second form, and returns the ID
// of the user.
func (s *formSite) enterCode(t *testing.T, p page) (user string) {
	t.Helper()
	s.users++
	email := s.email()
	user = s.Fake.NewUser(email).ID
	p.open(s.url + "/signin")
	p.run(fmt.Sprintf(`document.querySelector("[name=email]").value = %q, document.querySelector("#send").click(), ""`, email))
	await(t, "the form for the code", true, func() bool { return strings.HasPrefix(shown(p), "/code ") })
	p.run(fmt.Sprintf(`document.querySelector("[name=code]").value = %q, ""`, s.Fake.Code(email)))
	return user
}
