// Package page has sessions in front of pages rendered by html/template.
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
var text string

var pages = template.Must(template.New("").Parse(text))

// New returns the site: a page for everybody, one for those signed in, and
// where to sign in. A visitor without a session is sent there and can return.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	optional := middleware.OptionalSession(sessions, cookies, middleware.Config{})
	require := middleware.RequireSession(sessions, cookies, middleware.Config{SignIn: &url.URL{Path: "/signin"}, ErrorHandler: apologise})
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

// signIn is where Crossmint's browser client would sign the visitor in.
func signIn(w http.ResponseWriter, r *http.Request) {
	render(w, http.StatusOK, "signin", r.URL.Query().Get("return_to"))
}

// apologise answers where a redirect to the sign-in would be wrong: when
// nobody can tell now, and to scripts.
func apologise(w http.ResponseWriter, _ *http.Request, err error) {
	status := middleware.StatusOf(err)
	render(w, status, "sorry", status)
}

func render(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, name, data) // fails only if the client is gone
}
