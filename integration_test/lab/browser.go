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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// browser is a cookie jar with up to three tabs, and one user at a time. Some run
// the browser client, which refreshes on every page view and logs out on any
// response but 200.
type browser struct {
	lab    *laboratory
	home   *world // the project of its user
	url    *url.URL
	index  int
	email  string
	id     string
	client bool
	// dropsCookies: like Chromium it drops the cookies of a refused upgrade.
	dropsCookies bool
	jar          *cookiejar.Jar
	signedIn     bool
	latest       *family // of the last sign-in whose response was written; the oracle guards it

	trouble  atomic.Bool // a page has asked the user to sign in
	inFlight atomic.Int64
	storing  sync.Mutex // makes storing cookies and looking at them one step

	mu     sync.Mutex // guards random, which tabs share
	random *rand.Rand
}

func newBrowser(l *laboratory, i int) *browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &browser{
		lab: l, home: l.home(i), url: l.url(), index: i, email: fmt.Sprintf("user%d@example.com", i),
		client: i%clientShare == 0, dropsCookies: i%2 == 0, jar: jar, random: l.random("browser", i),
	}
}

// chance reports true once in n times.
func (b *browser) chance(n int) bool { return b.below(n) == 0 }

// below returns a number below n.
func (b *browser) below(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.random.IntN(n)
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
		if b.trouble.Swap(false) {
			b.afterRejection()
		}
		if !b.signedIn {
			b.signIn()
		}
		switch {
		case b.chance(200):
			sent += b.logOut(false)
		case b.chance(300):
			b.revoke()
		default:
			sent += b.view()
		}
	}
}

// pause is mostly short, sometimes longer than any grace period.
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

// revoke ends the user's sessions at upstream, as an administrator does.
func (b *browser) revoke() {
	b.lab.oracle.revokes(b.id)
	b.home.fake.RevokeUser(b.id)
}

func (b *browser) signIn() {
	grant := b.home.fake.SignIn(b.jar, b.url, b.email)
	b.id, b.signedIn = grant.User.ID, true
	b.lab.oracle.signedIn(b, b.id, grant.RefreshToken.Secret.Reveal())
}

// view opens a page: one to three tabs at once, each with a request of its
// own. It returns when all responses have come, and how many requests there were.
func (b *browser) view() int {
	if b.client && !b.refresh() {
		return 1 + b.logOut(true)
	}
	tabs := 1
	if b.chance(4) {
		tabs = 3
	}
	var all sync.WaitGroup
	for range tabs {
		all.Go(func() {
			time.Sleep(b.upTo(50 * time.Millisecond))
			b.page(plan{kind: prompt})
		})
	}
	all.Wait()
	return tabs
}

// page opens one page. A 401 asks the user to sign in, unless the browser has
// another session by then.
func (b *browser) page(p plan) {
	got := b.send(request{method: http.MethodGet, path: b.lab.pathOf(p.kind), page: true, plan: p})
	if got.status == http.StatusOK && !b.lab.config.Life { // else the page itself tells the oracle
		b.lab.oracle.entered(got.exchange, strings.TrimSpace(got.body))
	}
	if got.status != http.StatusUnauthorized {
		return
	}
	now := b.lab.oracle.tokensOf(b.cookies())
	isPresented := func(now presented) bool {
		return slices.ContainsFunc(got.presented, func(p presented) bool { return p.family == now.family })
	}
	if len(now) == 0 || slices.ContainsFunc(now, isPresented) {
		b.trouble.Store(true)
	}
}

// afterRejection lets half of the users come back before they sign in anew, some
// of them after more than an hour.
func (b *browser) afterRejection() {
	if b.chance(2) {
		away := foreignTTL + b.upTo(time.Minute)
		if b.chance(4) {
			away += time.Hour
		}
		time.Sleep(away)
		b.trouble.Store(false)
		b.page(plan{kind: prompt})
		if !b.trouble.Swap(false) {
			b.lab.oracle.event("back after a rejection")
			return
		}
	}
	b.lab.oracle.signsInAfterRejection(b)
	b.signedIn = false
}

// refresh does what the browser client does on every page view, and reports
// whether it stays signed in.
func (b *browser) refresh() bool {
	got := b.send(request{method: http.MethodPost, path: "/refresh", body: "{}", contentType: "application/json"})
	user, ok := got.refreshed()
	if !ok {
		return got.status == gone
	}
	b.lab.oracle.entered(got.exchange, user)
	return true
}

// logOut logs out, and tries to get in with the cookies of before.
func (b *browser) logOut(byClient bool) (sent int) {
	b.lab.oracle.count(func(c *counts) { c.Logouts++ })
	before := b.cookies()
	r := request{method: http.MethodPost, path: "/logout", intent: logout}
	if byClient {
		r.intent = clientLogout
	}
	got := b.send(r)
	b.signedIn = false
	if got.status == http.StatusNoContent {
		b.tryAfterLogout(before)
		sent++
	}
	if !b.lab.config.Life {
		// Whatever became of it, the next login starts from an empty jar.
		b.jar, _ = cookiejar.New(nil)
	}
	return sent + 1
}

// tryAfterLogout presents cookies that were logged out.
func (b *browser) tryAfterLogout(cookies []*http.Cookie) {
	x := &exchange{browser: b, conn: newConn(), plan: plan{kind: prompt}, presented: b.lab.oracle.tokensOf(cookies)}
	b.lab.oracle.arrived(x)
	x.conn.onHeader, x.conn.onSend = func() { b.lab.oracle.wrote(x) }, func() {}
	r := httptest.NewRequest(http.MethodGet, b.url.JoinPath(b.lab.pathOf(prompt)).String(), nil)
	addCookies(r, cookies)
	b.home.handler.ServeHTTP(x.conn, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
	if status, _, body := x.conn.response(); status == http.StatusOK && !b.lab.config.Life {
		b.lab.oracle.leftOver(x, strings.TrimSpace(body))
	}
}

// gone is the status of a request whose response the browser never saw.
const gone = -1

// request is what a browser sends.
type request struct {
	method, path      string
	body, contentType string
	intent            intent
	page              bool
	plan              plan
	to                *world // nil: the browser's own project
}

// received is what a browser gets in return.
type received struct {
	*exchange
	status   int // or gone
	body     string
	location string
}

// refreshed returns the user of a response to /refresh.
func (r *received) refreshed() (user string, ok bool) {
	var response struct {
		JWT  string
		User struct{ ID string }
	}
	ok = r.status == http.StatusOK && json.Unmarshal([]byte(r.body), &response) == nil && response.JWT != ""
	return response.User.ID, ok
}

// maxRedirects is the number of redirects that browsers follow.
const maxRedirects = 20

// send sends a request, and again where the response is a redirect to the same
// place (307).
func (b *browser) send(q request) (got received) {
	for range maxRedirects {
		got = b.sendOnce(q)
		if got.status != http.StatusTemporaryRedirect {
			return got
		}
		b.lab.oracle.event("asked again")
	}
	b.lab.oracle.count(func(c *counts) { c.RedirectLoops++ })
	return got
}

// sendOnce sends one request with the cookies of the jar. The cookies of the
// response are stored when its header arrives. Some browsers leave before they have
// the response, and some responses are lost on the way.
func (b *browser) sendOnce(q request) received {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	var left atomic.Bool
	if b.chance(20) {
		time.AfterFunc(b.upTo(3*time.Second+q.plan.delay), func() { left.Store(true); leave() })
	}
	to := q.to
	if to == nil {
		to = b.home
	}
	cookies := b.cookies()
	x := &exchange{
		browser: b, conn: newConn(), intent: q.intent, page: q.page, plan: q.plan, foreign: to != b.home,
		presented: b.lab.oracle.tokensOf(cookies),
	}
	arrived := make(chan bool, 1) // whether the browser got the header
	x.conn.onHeader = func() { b.lab.oracle.wrote(x) }
	x.conn.onSend = func() {
		way, lost, sentAt := b.upTo(time.Second), b.chance(30), time.Now()
		go func() {
			time.Sleep(way)
			arrived <- b.receive(x, &left, lost, sentAt)
		}()
	}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	ctx = context.WithValue(ctx, http.ServerContextKey, &http.Server{ReadHeaderTimeout: time.Minute}) // as net/http does
	r := b.newRequest(q, cookies).WithContext(ctx)
	time.Sleep(b.upTo(time.Second)) // on its way
	b.lab.oracle.arrived(x)
	serve(to.handler, x.conn, r)
	b.lab.oracle.left(x)
	status, header, body := x.conn.response()
	if !x.conn.wasSent() {
		if left.Load() {
			b.lab.oracle.count(func(c *counts) { c.Disconnects++ })
			b.lab.oracle.event("client left before the header")
		}
		return received{x, gone, "", ""}
	}
	if !<-arrived {
		return received{x, gone, "", ""}
	}
	if left.Load() {
		b.lab.oracle.event("client left after the header")
		return received{x, gone, "", ""}
	}
	return received{x, status, body, header.Get("Location")}
}

// serve serves r and ends the response as net/http does.
func serve(h http.Handler, c *conn, r *http.Request) {
	panicked := true
	defer func() {
		if v := recover(); v != nil && v != errBroken && v != http.ErrAbortHandler { //nolint:errorlint // the values themselves
			panic(v)
		}
		if !panicked && r.Context().Err() != nil {
			panicked = true // the client has left: net/http can write nothing
		}
		c.finish(panicked)
	}()
	h.ServeHTTP(c, r)
	panicked = false
}

// receive ends the way of a header to the browser. It reports whether the header
// has arrived.
func (b *browser) receive(x *exchange, left *atomic.Bool, lost bool, sentAt time.Time) bool {
	if left.Load() || lost {
		b.lab.oracle.cut(x, sentAt)
		b.lab.oracle.count(func(c *counts) {
			if lost {
				c.LostResponses++
			} else {
				c.Disconnects++
			}
		})
		if !lost {
			b.lab.oracle.event("client left within the header")
		}
		return false
	}
	status, _, _ := x.conn.response()
	if b.dropsCookies && x.plan.isUpgrade() && status != http.StatusSwitchingProtocols && status != http.StatusUnauthorized {
		b.lab.oracle.event("cookies of a refused upgrade dropped")
		return true
	}
	b.storing.Lock()
	defer b.storing.Unlock()
	before := b.lab.oracle.tokensOf(b.cookies())
	b.jar.SetCookies(b.url, x.conn.cookies())
	b.lab.oracle.stored(x, before, b.lab.oracle.tokensOf(b.cookies()))
	return true
}

func (b *browser) newRequest(q request, cookies []*http.Cookie) *http.Request {
	r := httptest.NewRequest(q.method, b.url.JoinPath(q.path).String(), strings.NewReader(q.body))
	r.RemoteAddr = fmt.Sprintf("192.0.2.%d:%d", b.index/maxPort, 1+b.index%maxPort) // its own, for load balancers
	addCookies(r, cookies)
	if q.method == http.MethodPost {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if q.contentType != "" {
		r.Header.Set("Content-Type", q.contentType)
	}
	if q.plan.isUpgrade() {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
	}
	return r
}

// maxPort is the highest port of an address.
const maxPort = 65535

func addCookies(r *http.Request, cookies []*http.Cookie) {
	for _, c := range cookies {
		r.AddCookie(c)
	}
}

const refreshCookie = "crossmint-refresh-token"

// cookies returns the cookies that the jar sends.
func (b *browser) cookies() []*http.Cookie { return b.jar.Cookies(b.url) }
