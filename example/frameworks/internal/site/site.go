// Package site serves an example to a test: over TLS, with a browser that has a
// cookie jar, and with a fake Crossmint as upstream.
package site

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// A Site is a served example, and a browser.
type Site struct {
	Fake     *crossminttest.Server
	Sessions *session.Manager
	URL      *url.URL
	Browser  *http.Client
	// Undelivered counts the renewed sessions whose response was lost.
	Undelivered *atomic.Int32
	// AfterRefresh runs when a session was renewed, before its response. nil: nothing.
	AfterRefresh func(userID string)
}

// New serves an example until the test ends.
func New(t testing.TB, config crossminttest.Config, example func(*session.Manager, *cookie.Codec) http.Handler) *Site {
	t.Helper()
	s := &Site{Undelivered: new(atomic.Int32)}
	fake, sessions, cookies := kit(t, config, func(e event.Event) {
		switch {
		case e.Outcome == event.NotDelivered:
			s.Undelivered.Add(1)
		case e.Outcome == event.Refreshed && s.AfterRefresh != nil:
			s.AfterRefresh(e.UserID)
		}
	})
	server := httptest.NewUnstartedServer(example(sessions, cookies))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	Must(t, err)
	browser := server.Client()
	browser.Jar, err = cookiejar.New(nil)
	Must(t, err)
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.Fake, s.Sessions, s.URL, s.Browser = fake, sessions, u, browser
	return s
}

// Kit returns the parts of the kit, configured as in production, on a fake
// upstream.
func Kit(t testing.TB, config crossminttest.Config) (*crossminttest.Server, *session.Manager, *cookie.Codec) {
	t.Helper()
	return kit(t, config, func(event.Event) {})
}

func kit(t testing.TB, config crossminttest.Config, onEvent func(event.Event)) (*crossminttest.Server, *session.Manager, *cookie.Codec) {
	t.Helper()
	config.Algorithm = "ES256" // its keys are made fast
	fake, err := crossminttest.New(config)
	Must(t, err)
	t.Cleanup(fake.Close)
	clientConfig := fake.Config()
	clientConfig.Logger = slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(clientConfig)
	Must(t, err)
	t.Cleanup(client.Close)
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	Must(t, err)
	report := func(_ context.Context, e event.Event) {
		t.Logf("event: %v", e.LogValue())
		onEvent(e)
	}
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: report})
	Must(t, err)
	t.Cleanup(func() { Must(t, sessions.Close(context.Background())) })
	return fake, sessions, cookies
}

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Request returns a request for a path of the site. Its body is JSON unless the
// caller changes the Content-Type.
func (s *Site) Request(t testing.TB, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL.String()+path, strings.NewReader(body))
	Must(t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// Do sends a request and returns the response with its body.
func (s *Site) Do(t testing.TB, r *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := s.Browser.Do(r)
	Must(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	Must(t, err)
	return res, string(body)
}

// Get is Do for a GET.
func (s *Site) Get(t testing.TB, path string) (*http.Response, string) {
	t.Helper()
	return s.Do(t, s.Request(t, http.MethodGet, path, ""))
}

// Logout signs the browser out.
func (s *Site) Logout(t testing.TB) {
	t.Helper()
	if res, body := s.Do(t, s.Request(t, http.MethodPost, "/logout", "")); res.StatusCode != http.StatusNoContent {
		t.Fatalf("logout: %s %s", res.Status, body)
	}
}
