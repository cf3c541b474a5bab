package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// setUp returns the parts that the examples share. A program uses its API key in
// crossmint.Config instead of the fake's configuration.
func setUp(fake *crossminttest.Server) (*session.Manager, *cookie.Codec) {
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
	return sessions, cookies
}

// Mount the route by its path, without a method, and set the browser client's
// refreshRoute to that path.
func ExampleRefresh() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := setUp(fake)

	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))

	// After a sign-in, the browser sends the one-time secret that it received.
	secret := fake.OneTimeSecret(fake.NewUser("ada@example.com"))
	r := httptest.NewRequest("POST", "/refresh", strings.NewReader(`{"refresh":"`+secret+`"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	for _, c := range w.Result().Cookies() {
		fmt.Println(c.Name, "HttpOnly:", c.HttpOnly)
	}
	// Output:
	// 200
	// crossmint-session HttpOnly: false
	// crossmint-refresh-token HttpOnly: true
}

// A form without scripts logs out and is redirected to a page of the site.
func ExampleLogout() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := setUp(fake)

	mux := http.NewServeMux()
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{AfterLogout: &url.URL{Path: "/bye"}}))

	ada := fake.NewUser("ada@example.com")
	r := httptest.NewRequest("POST", "/logout", nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range crossminttest.Cookies(fake.Grant(ada)) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))
	fmt.Println(fake.LiveOf(ada.ID), "live refresh tokens")
	// Output:
	// 303 /bye
	// 0 live refresh tokens
}

// A handler of your own can call Logout, which writes the response. Logout accepts
// POST only, so the route does, too. The route checks the origin itself, before it
// deletes the account.
func ExampleLogout_deleteAccount() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := setUp(fake)

	protection := http.NewCrossOriginProtection()
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	logout := handlers.Logout(sessions, cookies, handlers.Config{Protection: protection})
	accounts := map[string]bool{"ada": true}
	mux := http.NewServeMux()
	mux.Handle("POST /account/delete", protection.Handler(require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		delete(accounts, s.UserID)
		logout(w, r)
	}))))

	// The JWT has just expired. Logout also revokes the refreshed session.
	r := httptest.NewRequest("POST", "/account/delete", nil)
	for _, c := range crossminttest.Cookies(fake.ExpiredGrant(session.User{ID: "ada"})) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, len(accounts), "accounts,", fake.LiveOf("ada"), "live refresh tokens")
	// Output: 204 0 accounts, 0 live refresh tokens
}
