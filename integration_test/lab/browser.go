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
	"time"
)

// site is where all browsers are.
var site = &url.URL{Scheme: "https", Host: "app.example", Path: "/"}

// browser is one user's: a cookie jar with up to three tabs. Some run the
// browser client, which refreshes on every page view and logs out on any
// answer but 200.
type browser struct {
	lab      *laboratory
	email    string
	id       string
	client   bool
	jar      *cookiejar.Jar
	signedIn bool

	mu     sync.Mutex // guards random, which tabs share
	random *rand.Rand
}

func newBrowser(l *laboratory, i int) *browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &browser{lab: l, email: fmt.Sprintf("user%d@example.com", i), client: i%clientShare == 0, jar: jar, random: l.random("browser", i)}
}

// chance reports true once in n times.
func (b *browser) chance(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.random.IntN(n) == 0
}

// upTo returns a duration below d.
func (b *browser) upTo(d time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Duration(b.random.Int64N(int64(d)))
}

// live sends at least n requests, with pauses as people make them.
func (b *browser) live(n int) {
	for sent := 0; sent < n; {
		time.Sleep(b.pause())
		if !b.signedIn {
			b.signIn()
		}
		switch {
		case b.chance(200):
			sent += b.logOut(false)
		case b.chance(300):
			b.lab.fake.RevokeUser(b.id) // by somebody who may
		default:
			sent += b.view()
		}
	}
}

// pause is mostly short, sometimes longer than any grace.
func (b *browser) pause() time.Duration {
	switch {
	case b.chance(10):
		return b.upTo(8 * time.Minute)
	case b.chance(2):
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

// view opens a page: one to three tabs at once, each with a request of its
// own. It returns when all are answered, and how many there were.
func (b *browser) view() int {
	if b.client && !b.refresh() {
		return 1 + b.logOut(true)
	}
	tabs := 1
	if b.chance(4) {
		tabs = 3
	}
	var out sync.Map
	var all sync.WaitGroup
	for i := range tabs {
		all.Go(func() {
			time.Sleep(b.upTo(50 * time.Millisecond))
			if b.get() == http.StatusUnauthorized {
				out.Store(i, true)
			}
		})
	}
	all.Wait()
	out.Range(func(any, any) bool { b.signedIn = false; return false })
	return tabs
}

// get asks for the protected page and returns the status.
func (b *browser) get() int {
	code, body := b.send(http.MethodGet, "/me", "")
	if code == http.StatusOK {
		b.lab.oracle.entered(strings.TrimSpace(body), b.id, "GET /me")
	}
	return code
}

// refresh does what the browser client does on every page view, and reports
// whether it stays signed in.
func (b *browser) refresh() bool {
	code, body := b.send(http.MethodPost, "/refresh", "{}")
	var answer struct {
		JWT  string
		User struct{ ID string }
	}
	if code != http.StatusOK || json.Unmarshal([]byte(body), &answer) != nil || answer.JWT == "" {
		return code == gone
	}
	b.lab.oracle.entered(answer.User.ID, b.id, "POST /refresh")
	return true
}

// logOut logs out, and tries to get in with what the browser had before.
func (b *browser) logOut(byClient bool) (sent int) {
	before := b.cookies()
	b.lab.oracle.leaving(b.id, byClient)
	b.lab.oracle.count(func(c *counts) { c.Logouts++ })
	code, _ := b.send(http.MethodPost, "/logout", "")
	b.signedIn = false
	if code == http.StatusNoContent {
		r := httptest.NewRequest(http.MethodGet, site.String()+"me", nil)
		r.Header.Set("Cookie", before)
		w := httptest.NewRecorder()
		b.lab.handler.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			b.lab.oracle.entered(strings.TrimSpace(w.Body.String()), "", "with what was logged out")
		}
		sent++
	}
	// Whatever became of it, the next login starts from an empty jar.
	b.jar, _ = cookiejar.New(nil)
	return sent + 1
}

// gone is the status of a request whose answer the browser never saw.
const gone = -1

// send sends one request with the cookies of the jar and stores what comes
// back. Some browsers leave before they have the answer, and some answers are
// lost on the way.
func (b *browser) send(method, path, body string) (int, string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	leaves := b.chance(20)
	if leaves {
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
	time.Sleep(b.upTo(time.Second)) // on its way
	w := httptest.NewRecorder()
	b.lab.handler.ServeHTTP(w, r)
	b.judge(w, presented)
	time.Sleep(b.upTo(time.Second)) // and back
	lost := b.chance(30)
	if ctx.Err() != nil || lost {
		b.lab.oracle.count(func(c *counts) {
			if lost {
				c.LostAnswers++
			} else {
				c.Disconnects++
			}
		})
		return gone, ""
	}
	b.jar.SetCookies(site, w.Result().Cookies())
	return w.Code, w.Body.String()
}

// judge counts an answer, and has the oracle judge it.
func (b *browser) judge(w *httptest.ResponseRecorder, presented string) {
	b.lab.oracle.count(func(c *counts) {
		c.Requests++
		switch w.Code {
		case http.StatusOK, http.StatusNoContent:
			c.Served++
		case http.StatusUnauthorized:
			c.Refused++
		case http.StatusServiceUnavailable:
			c.Undecided++
		default:
			c.Other++
		}
	})
	switch {
	case clears(w.Result()):
		b.lab.oracle.cleared(b.id, presented)
	case w.Code == http.StatusUnauthorized && presented != "":
		b.lab.oracle.kept(b.id, presented)
	}
}

// clears reports whether an answer expires a refresh cookie and sets no other.
func clears(res *http.Response) bool {
	expired := false
	for _, c := range res.Cookies() {
		if strings.HasPrefix(c.Name, refreshCookie) {
			if c.MaxAge >= 0 && c.Value != "" {
				return false
			}
			expired = true
		}
	}
	return expired
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
