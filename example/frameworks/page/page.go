// Package page puts sessions in front of pages of html/template.
package page

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

//go:embed page.html
var source string

var pages = template.Must(template.New("").Parse(source))

// New returns the site: a public page, a private page, and a sign-in page. The
// private page redirects visitors without a session to the sign-in page, with the
// path to return to.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	optional := middleware.OptionalSession(sessions, cookies, middleware.Config{})
	require := middleware.RequireSession(sessions, cookies, middleware.Config{SignIn: &url.URL{Path: "/signin"}, ErrorHandler: renderError})
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{AfterLogout: &url.URL{Path: "/"}}))
	mux.Handle("GET /{$}", optional(http.HandlerFunc(home)))
	mux.Handle("GET /account", require(http.HandlerFunc(account)))
	mux.HandleFunc("GET /signin", signIn)
	return mux
}

func home(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	render(w, http.StatusOK, "home", map[string]any{"Session": s, "Unknown": errors.Is(session.ErrorFromContext(r.Context()), session.ErrUnavailable)})
}

func account(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	render(w, http.StatusOK, "account", s)
}

// signIn shows the page on which Crossmint's browser client would sign the visitor
// in.
func signIn(w http.ResponseWriter, r *http.Request) {
	render(w, http.StatusOK, "signin", r.URL.Query().Get("return_to"))
}

// renderError responds where a redirect to the sign-in page would be wrong: to
// scripts, and while there is no decision.
func renderError(w http.ResponseWriter, _ *http.Request, err error) {
	status := middleware.StatusOf(err)
	render(w, status, "sorry", status)
}

func render(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // fails only if the client is gone
}
