package shop_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/shop"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// customer is a browser that visits the shop, wired as in production, on a
// fake Crossmint. Requests go straight to the handler, so that it works
// inside a testing/synctest bubble, too.
type customer struct {
	*testing.T
	fake    *crossminttest.Server
	site    *url.URL
	browser *http.Client
}

func newCustomer(t *testing.T) *customer {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true, Algorithm: "ES256"})
	must(t, err)
	t.Cleanup(fake.Close)
	client, err := crossmint.NewClient(fake.Config())
	must(t, err)
	t.Cleanup(client.Close)
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	must(t, err)
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(context.Context, event.Event) {}})
	must(t, err)
	t.Cleanup(func() { must(t, sessions.Close(context.Background())) })
	jar, err := cookiejar.New(nil)
	must(t, err)
	site := &url.URL{Scheme: "https", Host: "shop.example", Path: "/"}
	return &customer{t, fake, site, &http.Client{Jar: jar, Transport: direct{shop.New(sessions, cookies)}}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// direct is a transport to a handler in this process.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	in.Header = r.Header
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

// expect sends a request. It checks the status, and that the body contains a
// string.
func (c *customer) expect(method, path string, status int, content string) *http.Response {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, c.site.JoinPath(path).String(), nil)
	must(c.T, err)
	res, err := c.browser.Do(r)
	must(c.T, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	must(c.T, err)
	if res.StatusCode != status || !strings.Contains(string(body), content) {
		c.Errorf("%s %s: %d %s, want %d with %q", method, path, res.StatusCode, body, status, content)
	}
	return res
}

// signIn signs the customer in with additional claims.
func (c *customer) signIn(claims map[string]any) session.User {
	ada := c.fake.NewUser("ada@example.com")
	c.fake.SetClaims(ada.ID, claims)
	c.browser.Jar.SetCookies(c.site, crossminttest.Cookies(c.fake.Grant(ada)))
	return ada
}
