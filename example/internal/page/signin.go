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

var signInTemplate = template.Must(template.New("signin").Parse(signInHTML))

// signInPolicy lets the page send its forms and have its style: nothing else,
// and no script at all.
const signInPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// SignInConfig says where the forms of the page go, and what it shows.
type SignInConfig struct {
	EmailPath, SendPath, ConfirmPath, LogoutPath string

	// User returns the ID of who is signed in, or "".
	User func(*http.Request) string
	// Email returns the address that a code was sent to, or "".
	Email func(*http.Request) string
	// Code returns the code that a fake has sent to the address, whom it
	// thereby lets in as anybody. nil: there is no fake.
	Code func(email string) string
}

// problems says what handlers.SignIn means by its error.
var problems = map[string]string{
	"email":       "That is not an e-mail address.",
	"code":        "That code is not right, or was used before.",
	"expired":     "Time is up. Please ask for another code.",
	"limit":       "That was too often. Please try again in ten minutes.",
	"unavailable": "That is not possible now. Please try again later.",
}

// signInView is what the template reads.
type signInView struct {
	SignInConfig
	Title, Error, ReturnTo string
	User, Email, Code      string // over the functions of that name
	Demo                   bool
}

// EmailForm returns the handler of the page with the form for the address; or,
// for those who are signed in, of the one that says so.
func EmailForm(config SignInConfig) http.Handler {
	return signInPage(func(r *http.Request) signInView {
		view := newSignInView(config, r)
		if view.User = config.User(r); view.User != "" {
			view.Title = "Signed in"
		}
		return view
	})
}

// CodeForm returns the handler of the page with the form for the code. Where no
// code was sent it asks for the address.
func CodeForm(config SignInConfig) http.Handler {
	return signInPage(func(r *http.Request) signInView {
		view := newSignInView(config, r)
		view.Email = config.Email(r)
		if view.Demo && view.Email != "" {
			view.Code = config.Code(view.Email)
		}
		return view
	})
}

func newSignInView(config SignInConfig, r *http.Request) signInView {
	query := r.URL.Query()
	view := signInView{SignInConfig: config, Title: "Sign in", Error: problems[query.Get("error")], ReturnTo: query.Get("return_to"), Demo: config.Code != nil}
	if view.ReturnTo != "" {
		// The way to another code must not lose it.
		view.EmailPath += "?" + url.Values{"return_to": {view.ReturnTo}}.Encode()
	}
	return view
}

func signInPage(view func(*http.Request) signInView) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if err := signInTemplate.Execute(&body, view(r)); err != nil {
			panic(err) // the file is part of the program
		}
		h := w.Header()
		h.Set("Content-Security-Policy", signInPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // "no-referrer" would make Origin null
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(body.Bytes())
	})
}
