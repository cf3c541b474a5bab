package network_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/testkit"
)

// visitor is the browser of one user.
type visitor struct {
	site   *site
	email  string
	id     string
	url    *url.URL
	client *http.Client
}

// reply is the summary of a response.
type reply struct {
	Status  int
	Cookies string // "", "set" or "cleared"
	Retry   bool   // has Retry-After
}

// The replies of the kit.
var (
	served      = reply{Status: 200}
	renewed     = reply{Status: 200, Cookies: "set"}
	unavailable = reply{Status: 503, Retry: true}
	signedOut   = reply{Status: 401, Cookies: "cleared"}
	rejected    = reply{Status: 401} // the cookies are kept
	loggedOut   = reply{Status: 204, Cookies: "cleared"}
)

// visitor returns a browser that is signed in; with a JWT that has expired, if
// expired.
func (s *site) visitor(t *testing.T, email string, expired bool) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	fatal(t, err)
	target, err := url.Parse(s.server.URL)
	fatal(t, err)
	signIn := s.fake.SignIn
	if expired {
		signIn = s.fake.SignInExpired
	}
	grant := signIn(jar, target, email)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{s, email, grant.User.ID, target, &http.Client{Jar: jar, Transport: transport}}
}

func (v *visitor) get(t *testing.T) reply {
	t.Helper()
	got, body := v.do(t, http.MethodGet, "/me", "")
	if got.Status == http.StatusOK && body != v.id {
		t.Errorf("GET /me: accepted as user %q, want %q", body, v.id)
	}
	return got
}

func (v *visitor) post(t *testing.T, path string) reply {
	t.Helper()
	got, _ := v.do(t, http.MethodPost, path, "{}")
	return got
}

func (v *visitor) do(t *testing.T, method, path, body string) (reply, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.site.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return reply{}, ""
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/json")
	res, err := v.client.Do(r)
	if err != nil {
		t.Error(err) // not Fatal: visitors run in goroutines of their own
		return reply{}, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return reply{res.StatusCode, cookieChange(res), res.Header.Get("Retry-After") != ""}, string(text)
}

// refusedBefore stores the marker of a first refusal, two hours ago.
func (v *visitor) refusedBefore(t *testing.T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url.String(), nil)
	fatal(t, err)
	testkit.AddMarker(r, v.token(), time.Now().Add(-2*time.Hour))
	v.client.Jar.SetCookies(v.url, r.Cookies())
}

// cookieChange returns the change of the cookies by a response.
func cookieChange(res *http.Response) string {
	cookies := res.Cookies()
	switch {
	case len(cookies) == 0:
		return ""
	case slices.ContainsFunc(cookies, func(c *http.Cookie) bool { return c.Value != "" }):
		return "set"
	default:
		return "cleared"
	}
}

// waitTimeout bounds the time that a test waits for an expected event. Only a failure
// takes that long.
const waitTimeout = 30 * time.Second

// recovers sends requests until the session is served again, with the same cookies.
// Until then every reply must be 503.
func (v *visitor) recovers(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got := v.get(t)
		if got == served || got == renewed {
			return
		}
		if got != unavailable {
			t.Fatalf("after the network was healed: %+v", got)
		}
	}
	t.Errorf("the session is still not served %v after the network was healed", waitTimeout)
}
