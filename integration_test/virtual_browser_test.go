package integration_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// virtualSite is a whole site in one process, without sockets: it works in the
// virtual time of testing/synctest.
type virtualSite struct {
	*testkit.Kit
	cookies *cookie.Codec
	require func(http.Handler) http.Handler
	mux     *http.ServeMux
}

// siteConfig configures a virtualSite. The zero value is an upstream that
// accepts each refresh token once and revokes the family of one used twice.
type siteConfig struct {
	reuse   *crossminttest.ReusePolicy
	session session.Config
	cookies cookie.Config
}

func newVirtualSite(t *testing.T, config siteConfig) *virtualSite {
	t.Helper()
	reuse := crossminttest.ReuseRevokesFamily
	if config.reuse != nil {
		reuse = *config.reuse
	}
	s := &virtualSite{mux: http.NewServeMux()}
	s.Kit = testkit.New(t, testkit.Config{Fake: crossminttest.Config{InMemory: true, Reuse: reuse}, Session: config.session})
	config.cookies.ProjectID = s.Fake.ProjectID()
	s.cookies = testkit.Must(cookie.NewCodec(config.cookies))
	s.require = middleware.RequireSession(s.Manager, s.cookies, middleware.Config{})
	s.mux.Handle("/refresh", handlers.Refresh(s.Manager, s.cookies, handlers.Config{}))
	s.mux.Handle("/logout", handlers.Logout(s.Manager, s.cookies, handlers.Config{}))
	s.handle("/me", func(w http.ResponseWriter, r *http.Request) {
		user, _ := session.FromContext(r.Context())
		_, _ = io.WriteString(w, user.UserID)
	})
	return s
}

// handle mounts a page behind RequireSession.
func (s *virtualSite) handle(path string, h http.HandlerFunc) { s.mux.Handle(path, s.require(h)) }

// slow mounts a page that responds after d.
func (s *virtualSite) slow(path string, d time.Duration) {
	s.handle(path, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(d)
		user, _ := session.FromContext(r.Context())
		_, _ = io.WriteString(w, user.UserID)
	})
}

// virtualBrowser is one browser with its cookie jar.
type virtualBrowser struct {
	t    *testing.T
	site http.Handler
	jar  *cookiejar.Jar
	url  *url.URL
}

func (s *virtualSite) browser(t *testing.T) *virtualBrowser { return newVirtualBrowser(t, s.mux) }

func newVirtualBrowser(t *testing.T, site http.Handler) *virtualBrowser {
	return &virtualBrowser{t, site, testkit.Must(cookiejar.New(nil)), testkit.Must(url.Parse("https://site.test/"))}
}

// signInExpired gives the browser the cookies of a user whose JWT has expired.
func (s *virtualSite) signInExpired(b *virtualBrowser, email string) session.Grant {
	return s.Fake.SignInExpired(b.jar, b.url, email)
}

// request returns a request with the cookies that the jar has now.
func (b *virtualBrowser) request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "https://site.test"+path, strings.NewReader(body))
	for _, c := range b.jar.Cookies(b.url) {
		r.AddCookie(c)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// send serves r, and stores the cookies of the response when it is complete.
func (b *virtualBrowser) send(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	b.site.ServeHTTP(w, r)
	res := w.Result()
	b.jar.SetCookies(b.url, res.Cookies())
	return res
}

func (b *virtualBrowser) get(path string) *http.Response {
	return b.send(b.request(http.MethodGet, path, ""))
}

func (b *virtualBrowser) post(path, body string) *http.Response {
	return b.send(b.request(http.MethodPost, path, body))
}

// token returns the refresh token in the jar.
func (b *virtualBrowser) token() string {
	for _, c := range b.jar.Cookies(b.url) {
		if c.Name == "crossmint-refresh-token" {
			return c.Value
		}
	}
	return ""
}

// wantUser checks that the browser is signed in as the user.
func (b *virtualBrowser) wantUser(userID string) {
	b.t.Helper()
	res := b.get("/me")
	if body := testkit.Must(io.ReadAll(res.Body)); res.StatusCode != http.StatusOK || string(body) != userID {
		b.t.Errorf("GET /me = %d %s, want 200 %s", res.StatusCode, body, userID)
	}
}

// wantStatus checks the status of a response.
func wantStatus(t *testing.T, res *http.Response, want int) {
	t.Helper()
	if res.StatusCode != want {
		t.Errorf("status %d, want %d", res.StatusCode, want)
	}
}

// wantNoSessionCookies checks that a response neither sets nor deletes session
// cookies.
func wantNoSessionCookies(t *testing.T, res *http.Response) {
	t.Helper()
	if lines := res.Header["Set-Cookie"]; slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "crossmint-") }) {
		t.Errorf("Set-Cookie = %q, want no session cookies", lines)
	}
}
