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

// site is where all browsers are.
var site = &url.URL{Scheme: "http", Host: "app.example", Path: "/"}

// browser is one of the crowd.
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

// live sends requests, some of two tabs at once, and signs in anew where it has
// to, until it is over and an answer came.
func (b *browser) live(t *testing.T, random *rand.Rand, over <-chan struct{}) {
	last := false
	for deadline := time.Now(); !last || time.Now().Before(deadline); time.Sleep(upTo(random, 300*time.Millisecond)) {
		select {
		case <-over:
			if !last {
				last, deadline = true, time.Now().Add(patience)
			}
		default:
		}
		answered, signedIn := b.view(1 + random.IntN(2))
		if last && (answered || !signedIn) {
			return
		}
		if !signedIn {
			b.signIn()
		}
	}
	t.Errorf("%s has no answer, long after the weather", b.id)
}

// view opens a page in some tabs at once, and reports whether one was served,
// and whether the browser is still signed in.
func (b *browser) view(tabs int) (served, signedIn bool) {
	presented, answers := b.token(), make([]reply, tabs)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = b.get() })
	}
	all.Wait()
	signedIn = true
	for _, got := range answers {
		signedIn = b.crowd.oracle.answered(b.id, presented, got) && signedIn
		served = served || got.status == http.StatusOK
	}
	return served, signedIn
}

// reply is what became of a request, in short.
type reply struct {
	status  int
	user    string
	cookies string // "", "set" or "cleared"
}

func (b *browser) get() reply {
	r := httptest.NewRequest(http.MethodGet, site.String()+"me", nil)
	for _, c := range b.jar.Cookies(site) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.crowd.fleet.ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	b.jar.SetCookies(site, cookies)
	got := reply{status: w.Code, user: strings.TrimSpace(w.Body.String())}
	for _, c := range cookies {
		switch {
		case c.Value != "":
			got.cookies = "set"
		case got.cookies == "":
			got.cookies = "cleared"
		}
	}
	return got
}

// token returns the refresh token in the jar.
func (b *browser) token() string {
	for _, c := range b.jar.Cookies(site) {
		if c.Name == "crossmint-refresh-token" {
			return c.Value
		}
	}
	return ""
}
