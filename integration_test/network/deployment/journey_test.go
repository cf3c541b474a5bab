package deployment_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// journey is what a page and its user do: sign in, look, be renewed while they
// look, and log out. Others try to do it for them.
type journey struct {
	kit     *kit
	browser *browser
	page    string // the page's address
	api     string // where the routes are, without a slash at the end
	user    string
	issued  []*http.Cookie // by the sign-in
}

// attackers are pages that must not get anywhere.
var attackers = []string{"https://evil.example/", "https://blog.example.com/", "http://evil.localhost:8080/"}

func (j *journey) run(t *testing.T) {
	t.Helper()
	if j.user == "" {
		j.signIn(t)
	}
	j.renewed(t)
	for _, old := range []bool{false, true} {
		j.browser.old = old
		j.want(t, http.MethodPost, "/refresh", "{}", http.StatusOK)
		j.attacked(t)
	}
	j.browser.old = false
	j.want(t, http.MethodPost, "/logout", "", http.StatusNoContent)
	j.want(t, http.MethodGet, "/me", "", http.StatusUnauthorized)
	if left := j.browser.cookies(t, j.api); len(left) > 0 {
		t.Errorf("after the logout %d cookies are left", len(left))
	}
	if live := j.kit.fake.LiveOf(j.user); live != 0 {
		t.Errorf("after the logout %d refresh tokens live", live)
	}
}

// signIn ends a login as Crossmint's browser client does: with a one-time
// secret, which the refresh route exchanges.
func (j *journey) signIn(t *testing.T) {
	t.Helper()
	user := j.kit.fake.NewUser("ada@example.com")
	j.user = user.ID
	j.want(t, http.MethodPost, "/refresh", `{"refresh":"`+j.kit.fake.OneTimeSecret(user)+`"}`, http.StatusOK)
	j.issued = j.browser.set
	for _, c := range j.issued {
		if c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %s: SameSite %v", c.Name, c.SameSite)
		}
	}
	j.want(t, http.MethodGet, "/me", "", http.StatusOK)
}

// renewed looks until the JWT has expired and the session got a new one.
func (j *journey) renewed(t *testing.T) {
	t.Helper()
	before := j.browser.cookies(t, j.api)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		j.want(t, http.MethodGet, "/me", "", http.StatusOK)
		if !maps.Equal(before, j.browser.cookies(t, j.api)) {
			return
		}
	}
	t.Error("the session was not renewed")
}

// attacked has pages of other origins send what would harm.
func (j *journey) attacked(t *testing.T) {
	t.Helper()
	for _, page := range attackers {
		for _, path := range []string{"/logout", "/refresh"} {
			j.browser.fetch(t, page, http.MethodPost, j.api+path, "")
			if n := len(j.browser.set); n > 0 {
				t.Errorf("POST %s from %s: %d cookies set or cleared", path, page, n)
			}
		}
	}
	j.want(t, http.MethodGet, "/me", "", http.StatusOK)
}

// want sends a request of the page and compares its status and, of /me, the
// user.
func (j *journey) want(t *testing.T, method, path, body string, status int) seen {
	t.Helper()
	got := j.browser.fetch(t, j.page, method, j.api+path, body)
	want := seen{Status: status, Body: got.Body}
	if path == "/me" && status == http.StatusOK {
		want.Body = j.user
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s %s from %s (-want +got):\n%s", method, path, j.page, diff)
	}
	return got
}
