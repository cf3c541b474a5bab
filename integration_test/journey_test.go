package integration_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/justinas/alice"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is an application with the kit in front, and a browser's view of it.
type site struct {
	upstream *crossminttest.Server
	url      *url.URL
	browser  *http.Client
}

func newSite(t *testing.T, fake crossminttest.Config) *site {
	t.Helper()
	upstream, err := crossminttest.New(fake)
	fatal(t, err)
	t.Cleanup(upstream.Close)
	client, err := crossmint.NewClient(upstream.Config())
	fatal(t, err)
	t.Cleanup(client.Close)
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), InsecureAllowHTTP: true})
	fatal(t, err)
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(_ context.Context, e event.Event) { t.Logf("event: %+v", e.LogValue()) }})
	fatal(t, err)
	t.Cleanup(func() { _ = sessions.Close(context.Background()) })

	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("/me", alice.New(middleware.RequireSession(sessions, cookies, middleware.Config{})).ThenFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		_, _ = io.WriteString(w, s.UserID)
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	fatal(t, err)
	jar, err := cookiejar.New(nil)
	fatal(t, err)
	return &site{upstream, u, &http.Client{Jar: jar, Transport: server.Client().Transport}}
}

func fatal(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (s *site) get(t *testing.T, path string) (int, string) {
	t.Helper()
	res, err := s.browser.Get(s.url.String() + path)
	fatal(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	fatal(t, err)
	return res.StatusCode, string(body)
}

func (s *site) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	res, err := s.browser.Post(s.url.String()+path, "application/json", strings.NewReader(body))
	fatal(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	fatal(t, err)
	return res.StatusCode, string(answer)
}

func TestHerd(t *testing.T) {
	s := newSite(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	s.upstream.SignInExpired(s.browser.Jar, s.url, "ann@example.com")
	s.upstream.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
	codes := make([]int, 1000)
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() { codes[i], _ = s.get(t, "/me") })
	}
	all.Wait()
	for i, code := range codes {
		if code != 200 {
			t.Fatalf("request %d: %d", i, code)
		}
	}
	if calls := s.upstream.Calls().Refresh; calls != 1 {
		t.Errorf("upstream was asked %d times", calls)
	}
	if code, body := s.post(t, "/refresh", "{}"); code != 200 || !strings.Contains(body, `"refreshToken":{"secret"`) {
		t.Errorf("refresh: %d %s", code, body)
	}
	if code, _ := s.post(t, "/logout", ""); code != 204 {
		t.Errorf("logout: %d", code)
	}
	if code, body := s.get(t, "/me"); code != 401 {
		t.Errorf("after logout: %d %s", code, body)
	}
}
