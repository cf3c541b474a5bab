package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// site is the site that all browsers visit.
var site = &url.URL{Scheme: "https", Host: "app.example", Path: "/"}

// browser is the browser of one user: a cookie jar with up to three tabs. Some run
// Crossmint's browser client, which refreshes on every page view and logs out on
// every status but 200.
type browser struct {
	lab      *laboratory
	email    string
	id       string
	client   bool // runs the browser client
	jar      *cookiejar.Jar
	signedIn bool

	mu     sync.Mutex // guards random, which tabs share
	random *rand.Rand
}

func newBrowser(l *laboratory, i int) *browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &browser{lab: l, email: fmt.Sprintf("user%d@example.com", i), client: i%clientShare == 0, jar: jar, random: l.random("browser", i)}
}

// oneIn returns true once in n calls on average.
func (b *browser) oneIn(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.random.IntN(n) == 0
}

// upTo returns a random duration below d.
func (b *browser) upTo(d time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Duration(b.random.Int64N(int64(d)))
}

// run sends at least n requests, with pauses like those of people.
func (b *browser) run(n int) {
	for sent := 0; sent < n; {
		time.Sleep(b.pause())
		if !b.signedIn {
			b.signIn()
		}
		switch {
		case b.oneIn(200):
			sent += b.logOut(false)
		case b.oneIn(300):
			b.lab.fake.RevokeUser(b.id) // an administrator does this
		default:
			sent += b.view()
		}
	}
}

// pause returns a duration that is mostly short and sometimes longer than every grace period.
func (b *browser) pause() time.Duration {
	switch {
	case b.oneIn(10):
		return b.upTo(8 * time.Minute)
	case b.oneIn(2):
		return b.upTo(time.Minute)
	default:
		return b.upTo(5 * time.Second)
	}
}

func (b *browser) signIn() {
	grant := b.lab.fake.SignIn(b.jar, site, b.email)
	b.id, b.signedIn = grant.User.ID, true
	b.lab.oracle.signedIn(b.id, grant.RefreshToken.Secret.Reveal())
}

// view opens a page in one or three tabs at once, which send a request each. It
// returns the number of requests after all responses.
func (b *browser) view() int {
	if b.client && !b.refresh() {
		return 1 + b.logOut(true)
	}
	tabs := 1
	if b.oneIn(4) {
		tabs = 3
	}
	var signedOut atomic.Bool
	var wg sync.WaitGroup
	for range tabs {
		wg.Go(func() {
			time.Sleep(b.upTo(50 * time.Millisecond))
			if b.get() == http.StatusUnauthorized {
				signedOut.Store(true)
			}
		})
	}
	wg.Wait()
	if signedOut.Load() {
		b.signedIn = false
	}
	return tabs
}

// get requests the protected page and returns the status.
func (b *browser) get() int {
	code, body := b.send(http.MethodGet, "/me", "")
	if code == http.StatusOK {
		b.lab.oracle.checkUser(strings.TrimSpace(body), b.id, "GET /me")
	}
	return code
}

// refresh sends the request of the browser client on every page view. It reports
// whether the client stays signed in.
func (b *browser) refresh() bool {
	code, body := b.send(http.MethodPost, "/refresh", "{}")
	var response struct {
		JWT  string
		User struct{ ID string }
	}
	if code != http.StatusOK || json.Unmarshal([]byte(body), &response) != nil || response.JWT == "" {
		return code == noResponse
	}
	b.lab.oracle.checkUser(response.User.ID, b.id, "POST /refresh")
	return true
}

// logOut logs out and then tries the old cookies.
func (b *browser) logOut(byClient bool) (sent int) {
	before := b.cookies()
	b.lab.oracle.requestLogout(b.id, byClient)
	b.lab.oracle.count(func(c *counts) { c.Logouts++ })
	code, _ := b.send(http.MethodPost, "/logout", "")
	b.signedIn = false
	if code == http.StatusNoContent {
		r := httptest.NewRequest(http.MethodGet, site.String()+"me", nil)
		r.Header.Set("Cookie", before)
		w := httptest.NewRecorder()
		b.lab.handler.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			b.lab.oracle.checkUser(strings.TrimSpace(w.Body.String()), "", "with the cookies of a session that was logged out")
		}
		sent++
	}
	// The next sign-in starts with an empty jar, even if the logout failed.
	b.jar, _ = cookiejar.New(nil)
	return sent + 1
}

// noResponse is the status of a request whose response the browser did not get.
const noResponse = -1

// send sends one request with the cookies of the jar and stores the cookies of the
// response. Some browsers disconnect before the response, and some responses are
// lost.
func (b *browser) send(method, path, body string) (int, string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	disconnects := b.oneIn(20)
	if disconnects {
		time.AfterFunc(b.upTo(3*time.Second), cancel)
	}
	presented := b.token()
	r := httptest.NewRequest(method, strings.TrimSuffix(site.String(), "/")+path, strings.NewReader(body)).WithContext(ctx)
	if cookies := b.cookies(); cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	if method == http.MethodPost {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	time.Sleep(b.upTo(time.Second)) // latency of the request
	w := httptest.NewRecorder()
	b.lab.handler.ServeHTTP(w, r)
	b.check(w, presented)
	time.Sleep(b.upTo(time.Second)) // latency of the response
	lost := b.oneIn(30)
	if ctx.Err() != nil || lost {
		b.lab.oracle.count(func(c *counts) {
			if lost {
				c.LostResponses++
			} else {
				c.Disconnects++
			}
		})
		return noResponse, ""
	}
	b.jar.SetCookies(site, w.Result().Cookies())
	return w.Code, w.Body.String()
}

// check counts a response and lets the oracle check it.
func (b *browser) check(w *httptest.ResponseRecorder, presented string) {
	b.lab.oracle.count(func(c *counts) {
		c.Requests++
		switch w.Code {
		case http.StatusOK, http.StatusNoContent:
			c.Served++
		case http.StatusUnauthorized:
			c.Rejected++
		case http.StatusServiceUnavailable:
			c.Unavailable++
		default:
			c.Other++
		}
	})
	switch {
	case clearsCookies(w.Result()):
		b.lab.oracle.checkCleared(b.id, presented)
	case w.Code == http.StatusUnauthorized && presented != "":
		b.lab.oracle.checkKept(b.id, presented)
	}
}

// clearsCookies reports whether a response deletes a refresh cookie and sets none.
func clearsCookies(res *http.Response) bool {
	deleted := false
	for _, c := range res.Cookies() {
		if strings.HasPrefix(c.Name, refreshCookie) {
			if c.MaxAge >= 0 && c.Value != "" {
				return false
			}
			deleted = true
		}
	}
	return deleted
}

const refreshCookie = "crossmint-refresh-token"

// cookies returns the Cookie header that the jar sends.
func (b *browser) cookies() string {
	var pairs []string
	for _, c := range b.jar.Cookies(site) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// token returns the refresh token of the jar.
func (b *browser) token() string {
	for _, c := range b.jar.Cookies(site) {
		if c.Name == refreshCookie {
			return c.Value
		}
	}
	return ""
}
