package integration_test

import (
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
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/justinas/alice"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is an application with the kit, and a browser that visits it.
type site struct {
	*testkit.Kit
	url     *url.URL
	browser *http.Client
}

func newSite(t *testing.T, fake crossminttest.Config) *site {
	t.Helper()
	k := testkit.New(t, testkit.Config{Fake: fake})
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: k.Client.ProjectID(), InsecureAllowHTTP: true}))
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(k.Manager, cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(k.Manager, cookies, handlers.Config{}))
	mux.Handle("/me", alice.New(middleware.RequireSession(k.Manager, cookies, middleware.Config{})).ThenFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		_, _ = io.WriteString(w, s.UserID)
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	jar := testkit.Must(cookiejar.New(nil))
	return &site{k, testkit.Must(url.Parse(server.URL)), &http.Client{Jar: jar, Transport: server.Client().Transport}}
}

// fatal ends the test if err is not nil.
func fatal(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (s *site) get(t *testing.T, path string) (int, string) {
	t.Helper()
	res, err := s.browser.Get(s.url.String() + path)
	testkit.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	testkit.NoError(t, err)
	return res.StatusCode, string(body)
}

func (s *site) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	res, err := s.browser.Post(s.url.String()+path, "application/json", strings.NewReader(body))
	testkit.NoError(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	testkit.NoError(t, err)
	return res.StatusCode, string(got)
}

// TestThousandRequestsShareOneRefresh sends 1,000 requests with one expired JWT. Upstream
// accepts each refresh token once.
func TestThousandRequestsShareOneRefresh(t *testing.T) {
	s := newSite(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	s.Fake.SignInExpired(s.browser.Jar, s.url, "ann@example.com")
	s.Fake.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
	codes := make([]int, 1000)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() { codes[i], _ = s.get(t, "/me") })
	}
	wg.Wait()
	for i, code := range codes {
		if code != 200 {
			t.Fatalf("request %d: %d", i, code)
		}
	}
	if calls := s.Fake.Calls().Refresh; calls != 1 {
		t.Errorf("%d calls of upstream, want 1", calls)
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
