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
