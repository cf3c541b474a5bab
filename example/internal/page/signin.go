package page

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
)

//go:embed signin.html
var signInHTML string

//go:embed oauth.html
var oauthHTML string

var (
	signInTemplate = template.Must(template.New("signin").Parse(signInHTML))
	oauthTemplate  = template.Must(template.New("oauth").Parse(oauthHTML))
)

const (
	// signInSecurityPolicy allows only the forms and the style sheet, and no script.
	signInSecurityPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	// oauthSecurityPolicy allows the script, and all https sites as targets of forms:
	// browsers check each redirect, and only the provider knows its hosts. The
	// simulated Crossmint is at 127.0.0.1.
	oauthSecurityPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self' https: http://127.0.0.1:*; base-uri 'none'; frame-ancestors 'none'"
)

// SignInConfig configures the sign-in pages: the targets of their forms and the
// sources of their data.
type SignInConfig struct {
	EmailPath, SendPath, ConfirmPath, LogoutPath string
	OAuthPath, StartOAuthPath, FinishOAuthPath   string

	// User returns the ID of the signed-in user, or "".
	User func(*http.Request) string
	// Email returns the address of the pending sign-in, or "".
	Email func(*http.Request) string
	// Code returns the last code that the simulated Crossmint has sent to an
	// address. It lets every visitor sign in as any user, so it must be nil
	// with the real Crossmint.
	Code func(email string) string
}

// errorMessages explain the error codes of handlers.SignIn.
var errorMessages = map[string]string{
	"email":       "This is not an email address.",
	"code":        "This code is wrong or was used before.",
	"oauth":       "The sign-in with this provider was not accepted. Please try again.",
	"expired":     "The code has expired. Please request another code.",
	"limit":       "Too many attempts. Please try again in ten minutes.",
	"rejected":    "You cannot sign in here.",
	"unavailable": "Signing in is not possible now. Please try again later.",
}

// signInView is the data of the template.
type signInView struct {
	SignInConfig
	Title, Error, ReturnTo string
	User, Email, Code      string // hide the functions of SignInConfig
	Demo                   bool
}

// EmailForm returns the handler of the page with the form for the email
// address. A signed-in user sees the user ID and a sign-out button instead.
func EmailForm(config SignInConfig) http.Handler {
	return signInPage(signInTemplate, signInSecurityPolicy, func(r *http.Request) signInView {
		view := newSignInView(config, r)
		if view.User = config.User(r); view.User != "" {
			view.Title = "Signed in"
		}
		return view
	})
}

// CodeForm returns the handler of the page with the form for the code. Without
// a pending sign-in the page shows the form for the email address.
func CodeForm(config SignInConfig) http.Handler {
	return signInPage(signInTemplate, signInSecurityPolicy, func(r *http.Request) signInView {
		view := newSignInView(config, r)
		view.Email = config.Email(r)
		if view.Demo && view.Email != "" {
			view.Code = config.Code(view.Email)
		}
		return view
	})
}

// OAuthForm returns the handler of the page that signs in with a provider. Its script
// needs the window that the form opens.
func OAuthForm(config SignInConfig) http.Handler {
	return signInPage(oauthTemplate, oauthSecurityPolicy, func(r *http.Request) signInView {
		return newSignInView(config, r)
	})
}

func newSignInView(config SignInConfig, r *http.Request) signInView {
	query := r.URL.Query()
	view := signInView{SignInConfig: config, Title: "Sign in", Error: errorMessages[query.Get("error")], ReturnTo: query.Get("return_to"), Demo: config.Code != nil}
	if view.ReturnTo != "" {
		// The links to the other sign-in and to another code keep the destination.
		query := "?" + url.Values{"return_to": {view.ReturnTo}}.Encode()
		view.EmailPath += query
		view.OAuthPath += query
	}
	return view
}

func signInPage(page *template.Template, policy string, view func(*http.Request) signInView) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if err := page.Execute(&body, view(r)); err != nil {
			panic(err) // the template is embedded
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // "no-referrer" would make Origin null
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(body.Bytes()) // fails only if the client is gone
	})
}
