package main

import (
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/internal/page"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/justinas/alice"
)

// Where the sign-in without scripts lives.
const (
	emailPath   = "/signin"
	codePath    = "/signin/code"
	sendPath    = "/signin/send"
	confirmPath = "/signin/confirm"
	logoutPath  = "/signin/logout"
)

// Where the sign-in with a provider lives. It needs a script.
const (
	oauthPath       = "/signin/oauth"
	startOAuthPath  = "/signin/oauth/start"
	finishOAuthPath = "/signin/oauth/finish"
)

// mountForms adds a sign-in without any script: two pages, and the two
// handlers of the kit to which their forms go. A third page signs in with a
// provider. The handlers protect themselves.
func mountForms(mux *http.ServeMux, client *crossmint.Client, sessions *session.Manager, cookies *cookie.Codec, fake *crossminttest.Server) {
	signIn := handlers.NewSignIn(client, sessions, cookies, handlers.SignInConfig{
		EmailPage: &url.URL{Path: emailPath}, CodePage: &url.URL{Path: codePath}, After: &url.URL{Path: emailPath},
		OAuthProviders: []string{"google"},
	})
	pages := page.SignInConfig{
		EmailPath: emailPath, SendPath: sendPath, ConfirmPath: confirmPath, LogoutPath: logoutPath,
		OAuthPath: oauthPath, StartOAuthPath: startOAuthPath, FinishOAuthPath: finishOAuthPath,
		User: userID,
		Email: func(r *http.Request) string {
			email, _ := signIn.Email(r)
			return email
		},
	}
	if fake != nil {
		pages.Code = fake.Code
	}
	optional := alice.New(middleware.OptionalSession(sessions, cookies, middleware.Config{}))
	mux.Handle("GET "+emailPath, optional.Then(page.EmailForm(pages)))
	mux.Handle("GET "+codePath, page.CodeForm(pages))
	mux.Handle("GET "+oauthPath, page.OAuthForm(pages))
	mux.HandleFunc(startOAuthPath, signIn.StartOAuth)
	mux.HandleFunc(finishOAuthPath, signIn.FinishOAuth)
	mux.HandleFunc(sendPath, signIn.SendCode)
	mux.HandleFunc(confirmPath, signIn.ConfirmCode)
	mux.Handle(logoutPath, handlers.Logout(sessions, cookies, handlers.Config{AfterLogout: &url.URL{Path: emailPath}}))
}

// userID returns the ID of the signed-in user, or "".
func userID(r *http.Request) string {
	if s, ok := session.FromContext(r.Context()); ok {
		return s.UserID
	}
	return ""
}
