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
)

// wire makes the parts that the examples share; a program gives
// crossmint.Config its API key instead of a fake's configuration.
func wire(fake *crossminttest.Server) (*session.Manager, *cookie.Codec) {
	client, err := crossmint.NewClient(fake.Config())
	if err != nil {
		panic(err)
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		panic(err)
	}
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(context.Context, session.Event) {}})
	if err != nil {
		panic(err)
	}
	return sessions, cookies
}

// The route is mounted by its path, without a method; the browser client's
// refreshRoute names it.
func ExampleRefresh() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))

	// After a login the browser sends the one-time secret that it got.
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

// A form without scripts logs out, too, and lands on a page of the site.
func ExampleLogout() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

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
	fmt.Println("signed in at", fake.LiveOf(ada.ID), "places")
	// Output:
	// 303 /bye
	// signed in at 0 places
}

// Who deletes their account is logged out with it: Logout is a call, too, that
// writes the answer. It takes POST alone, so the route is one; and the route
// refuses other origins itself, before it deletes anything.
func ExampleLogout_deleteAccount() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

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

	// The JWT has just expired: even what it was renewed into is revoked.
	r := httptest.NewRequest("POST", "/account/delete", nil)
	for _, c := range crossminttest.Cookies(fake.ExpiredGrant(session.User{ID: "ada"})) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, len(accounts), "accounts, signed in at", fake.LiveOf("ada"), "places")
	// Output: 204 0 accounts, signed in at 0 places
}
