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
)

// visitor is one user's browser.
type visitor struct {
	site   *site
	email  string
	id     string
	url    *url.URL
	client *http.Client
}

// reply is what became of a request, in short.
type reply struct {
	Status  int
	Cookies string // "", "set" or "cleared"
	Retry   bool   // has Retry-After
}

// What the outcomes of the kit look like.
var (
	served    = reply{Status: 200}
	renewed   = reply{Status: 200, Cookies: "set"}
	undecided = reply{Status: 503, Retry: true}
	signedOut = reply{Status: 401, Cookies: "cleared"}
	stranded  = reply{Status: 401}
	loggedOut = reply{Status: 204, Cookies: "cleared"}
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
		t.Errorf("GET /me: let in as %q, is %q", body, v.id)
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
		t.Error(err) // and no Fatal: visitors come in goroutines of their own
		return reply{}, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return reply{res.StatusCode, effect(res), res.Header.Get("Retry-After") != ""}, string(text)
}

// effect says what an answer does to the cookies.
func effect(res *http.Response) string {
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

// patience is how long a test waits for what must come. Only a failure takes
// as long.
const patience = 30 * time.Second

// recovers asks until the session is served again, with the same cookies.
// Until then only 503 is an answer.
func (v *visitor) recovers(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got := v.get(t)
		if got == served || got == renewed {
			return
		}
		if got != undecided {
			t.Fatalf("after the network has healed: %+v", got)
		}
	}
	t.Errorf("the network has healed, and %v later the session is still not served", patience)
}
