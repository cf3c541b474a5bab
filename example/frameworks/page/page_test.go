package page_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/example/frameworks/page"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// visit goes to a page as a browser does.
func visit(t *testing.T, s *site.Site, path string) (*http.Response, string) {
	t.Helper()
	r := s.Request(t, http.MethodGet, path, "")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	return s.Do(t, r)
}

// expect checks the status of a page, and that it contains a string.
func expect(t *testing.T, s *site.Site, path string, status int, content string) *http.Response {
	t.Helper()
	res, body := visit(t, s, path)
	if res.StatusCode != status || !strings.Contains(body, content) || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%s: %s, want %d with %q:\n%s", path, res.Status, status, content, body)
	}
	return res
}

func TestVisitorIsSentToSignIn(t *testing.T) {
	s := site.New(t, crossminttest.Config{}, page.New)
	expect(t, s, "/", 200, "Sign in")
	res := expect(t, s, "/account?tab=2", 303, "")
	const signIn = "/signin?return_to=%2Faccount%3Ftab%3D2"
	if diff := cmp.Diff(signIn, res.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-want +got):\n%s", diff)
	}
	expect(t, s, signIn, 200, "<code>/account?tab=2</code>")
	expect(t, s, "/signin?return_to=<script>", 200, "&lt;script&gt;")
	if res, body := s.Get(t, "/account"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "Please sign in") {
		t.Errorf("a script: %s\n%s", res.Status, body)
	}
}

func TestSignedInUntilTheFormIsSent(t *testing.T) {
	s := site.New(t, crossminttest.Config{}, page.New)
	s.Browser.Jar.SetCookies(s.URL, crossminttest.Cookies(s.Fake.ExpiredGrant(session.User{ID: "ada"})))
	if res := expect(t, s, "/", 200, "Hello ada"); len(res.Cookies()) != 2 {
		t.Errorf("an expired JWT: %v", res.Cookies())
	}
	expect(t, s, "/account", 200, "You are ada")
	form := s.Request(t, http.MethodPost, "/logout", "")
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if res, _ := s.Do(t, form); res.StatusCode != 303 || res.Header.Get("Location") != "/" || len(res.Cookies()) != 2 {
		t.Errorf("logout: %s to %q, %v", res.Status, res.Header.Get("Location"), res.Cookies())
	}
	expect(t, s, "/", 200, "Sign in")
}

// TestSignedOutElsewhere expects that a visitor whose token upstream refuses is
// redirected once to the same page, and then to the sign-in page.
func TestSignedOutElsewhere(t *testing.T) {
	s := site.New(t, crossminttest.Config{}, page.New)
	s.Fake.Revoke(s.Fake.SignInExpired(s.Browser.Jar, s.URL, "ada@example.com").RefreshToken.Secret.Reveal())
	if res, _ := visit(t, s, "/account?tab=2"); res.StatusCode != 307 || res.Header.Get("Location") != "?tab=2" {
		t.Errorf("first: %s to %q", res.Status, res.Header.Get("Location"))
	}
	if res, _ := visit(t, s, "/account?tab=2"); res.StatusCode != 303 || res.Header.Get("Location") != "/signin?return_to=%2Faccount%3Ftab%3D2" {
		t.Errorf("second: %s to %q", res.Status, res.Header.Get("Location"))
	}
	expect(t, s, "/", 200, "Sign in")
}

func TestOutage(t *testing.T) {
	s := site.New(t, crossminttest.Config{}, page.New)
	s.Fake.SignInExpired(s.Browser.Jar, s.URL, "ada@example.com")
	s.Fake.FailAlways(crossminttest.Refresh, crossminttest.Status(503, "", "{}").With("Retry-After", "7"))
	expect(t, s, "/", 200, "cannot be checked at the moment")
	if res := expect(t, s, "/account", 503, "Back in a moment"); res.Header.Get("Retry-After") != "7" || len(res.Cookies()) != 0 {
		t.Errorf("Retry-After %q, %v", res.Header.Get("Retry-After"), res.Cookies())
	}
	s.Fake.Heal()
	// Ada's token is not sent again before the end of Retry-After.
	s.Fake.SignInExpired(s.Browser.Jar, s.URL, "bob@example.com")
	expect(t, s, "/account", 200, "You are ")
}
