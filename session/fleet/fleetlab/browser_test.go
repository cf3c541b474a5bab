package fleetlab_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// site is the site that all browsers visit.
var site = &url.URL{Scheme: "http", Host: "app.example", Path: "/"}

// browser is one browser of a crowd.
type browser struct {
	crowd *crowd
	email string
	id    string
	jar   *cookiejar.Jar
}

func (c *crowd) newBrowser(email string) *browser {
	b := &browser{crowd: c, email: email}
	b.signIn()
	return b
}

func (b *browser) signIn() {
	b.jar, _ = cookiejar.New(nil) // never fails
	grant := b.crowd.fake.SignIn(b.jar, site, b.email)
	b.id = grant.User.ID
	b.crowd.oracle.signedIn(b.id, grant.RefreshToken.Secret.Reveal())
}

// run sends requests, some of two tabs at once, and signs in again after a logout.
// After done is closed, it returns with the first decision, and fails the test if
// there is none in recoveryTimeout.
func (b *browser) run(t *testing.T, random *rand.Rand, done <-chan struct{}) {
	last := false
	for deadline := time.Now(); !last || time.Now().Before(deadline); time.Sleep(upTo(random, 300*time.Millisecond)) {
		select {
		case <-done:
			if !last {
				last, deadline = true, time.Now().Add(recoveryTimeout)
			}
		default:
		}
		served, signedIn := b.view(1 + random.IntN(2))
		if last && (served || !signedIn) {
			return
		}
		if !signedIn {
			b.signIn()
		}
	}
	t.Errorf("user %s: no decision within %v after the last fault", b.id, recoveryTimeout)
}

// view opens a page in some tabs at once. It reports whether a response was 200, and
// whether the browser is still signed in.
func (b *browser) view(tabs int) (served, signedIn bool) {
	presented, responses := b.token(), make([]response, tabs)
	var wg sync.WaitGroup
	for i := range responses {
		wg.Go(func() { responses[i] = b.get() })
	}
	wg.Wait()
	signedIn = true
	for _, got := range responses {
		signedIn = b.crowd.oracle.check(b.id, presented, got) && signedIn
		served = served || got.status == http.StatusOK
	}
	return served, signedIn
}

// response is the part of a response that the oracle checks.
type response struct {
	status  int
	user    string
	cookies string // "", "set" or "cleared"
}

// get opens a page, and follows redirects to the same page.
func (b *browser) get() (got response) {
	const maxRedirects = 20
	for range maxRedirects {
		if got = b.send(); got.status != http.StatusTemporaryRedirect {
			break
		}
	}
	return got
}

func (b *browser) send() response {
	r := httptest.NewRequest(http.MethodGet, site.String()+"me", nil)
	for _, c := range b.jar.Cookies(site) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.crowd.fleet.ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	b.jar.SetCookies(site, cookies)
	got := response{status: w.Code, user: strings.TrimSpace(w.Body.String())}
	for _, c := range cookies {
		switch {
		case strings.HasSuffix(c.Name, "-refused"): // the marker of a refusal
		case c.Value != "":
			got.cookies = "set"
		case got.cookies == "":
			got.cookies = "cleared"
		}
	}
	return got
}

// token returns the refresh token of the jar.
func (b *browser) token() string {
	for _, c := range b.jar.Cookies(site) {
		if c.Name == "crossmint-refresh-token" {
			return c.Value
		}
	}
	return ""
}
