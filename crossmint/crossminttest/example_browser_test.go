package crossminttest_test

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
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// A test of a whole site: a browser comes back with an expired JWT, and Crossmint
// is down for its first request.
func ExampleServer_SignInExpired() {
	fake, err := crossminttest.New(crossminttest.Config{})
	ok(err)
	defer fake.Close()
	client, err := crossmint.NewClient(fake.Config())
	ok(err)
	defer client.Close()
	ok(client.Preload(context.Background()))
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	ok(err)
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(context.Context, event.Event) {}})
	ok(err)
	defer sessions.Close(context.Background())
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	server := httptest.NewTLSServer(require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer server.Close()

	browser := server.Client()
	browser.Jar, _ = cookiejar.New(nil)
	site, _ := url.Parse(server.URL)
	fake.SignInExpired(browser.Jar, site, "ada@example.com")
	fake.Fail(crossminttest.Refresh, crossminttest.Status(503, "text/html", "<h1>maintenance"))
	for range 3 {
		res, err := browser.Get(server.URL)
		ok(err)
		_ = res.Body.Close()
		fmt.Println(res.StatusCode, "refreshes:", fake.Calls().Refresh)
	}
	// Output:
	// 503 refreshes: 1
	// 200 refreshes: 2
	// 200 refreshes: 2
}

func ok(err error) {
	if err != nil {
		panic(err)
	}
}
