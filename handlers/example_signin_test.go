package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// Two forms sign a user in without a script. A program also serves the pages with
// the forms, /signin and /signin/code; this example only submits them.
func ExampleNewSignIn() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	client, err := crossmint.NewClient(fake.Config())
	if err != nil {
		panic(err)
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		panic(err)
	}
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(context.Context, event.Event) {}})
	if err != nil {
		panic(err)
	}

	signIn := handlers.NewSignIn(client, sessions, cookies, handlers.SignInConfig{
		EmailPage: &url.URL{Path: "/signin"},
		CodePage:  &url.URL{Path: "/signin/code"},
		After:     &url.URL{Path: "/account"},
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/signin/send", signIn.SendCode)
	mux.HandleFunc("/signin/confirm", signIn.ConfirmCode)

	// The browser has a cookie jar and submits forms.
	site := httptest.NewTLSServer(mux)
	defer site.Close()
	browser := site.Client()
	browser.Jar, _ = cookiejar.New(nil)
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	submit := func(path, field, value string) {
		response, err := browser.PostForm(site.URL+path, url.Values{field: {value}})
		if err != nil {
			panic(err)
		}
		defer func() { _ = response.Body.Close() }()
		fmt.Println(response.StatusCode, response.Header.Get("Location"))
	}
	submit("/signin/send", "email", "ada@example.com")
	submit("/signin/confirm", "code", "not a code")
	submit("/signin/confirm", "code", fake.Code("ada@example.com"))
	// Output:
	// 303 /signin/code
	// 303 /signin/code?error=code
	// 303 /account
}
