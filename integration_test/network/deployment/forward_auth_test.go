package deployment_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
)

// protected is a proxy with an application behind it, and this kit beside it.
type protected struct {
	*kit
	server *http.Server // the kit's
	hosts  internet
	cert   certificate
	proxy  proxy
}

// visit is the response to one request, as the browser gets it.
type visit struct {
	Status     int
	User       string // that the application has seen
	Location   string
	RetryAfter string
	Refresh    string
	Cookies    string // by name, each with + (set) or - (deleted)
}

const (
	renewedCookies = "+crossmint-refresh-token +crossmint-session"
	markerCookie   = "+crossmint-refresh-token-refused"
)

// application responds with the user ID in its request. It has errors of its own.
func application(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.Header {
		if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), "X-User-Id") {
			w.Header()["X-Seen"] = append(w.Header()["X-Seen"], values...)
		}
	}
	http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
	switch r.URL.Path {
	case "/own-401":
		w.WriteHeader(http.StatusUnauthorized)
	case "/own-500":
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = io.WriteString(w, strings.Join(w.Header()["X-Seen"], ","))
}

func newProtected(t *testing.T, p proxy, config crossminttest.Config) *protected {
	t.Helper()
	config.Reuse = crossminttest.ReuseRefuse
	k, c := newKit(t, config), newCertificate(t, "app.example.com")
	server := &http.Server{Handler: forwardAuth(k, k.codec(t, cookie.Config{}))}
	address := p.run(t, serve(t, server), serve(t, &http.Server{Handler: http.HandlerFunc(application)}), c)
	return &protected{k, server, internet{"app.example.com:443": address}, c, p}
}

func (p *protected) browser(t *testing.T) *browser {
	t.Helper()
	b := newBrowser(t, p.hosts, p.cert.roots)
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// inAdvance stands for the mode of a page that the browser fetches in advance.
const inAdvance = "in advance"

// open requests a page; mode is that of Fetch metadata, or inAdvance. Each request tries to be
// another user.
func (b *browser) open(t *testing.T, path, mode string) visit {
	t.Helper()
	r := b.request(t, app, http.MethodGet, app+path, "")
	if r.Header.Set("Sec-Fetch-Mode", mode); mode == inAdvance {
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Purpose", "prefetch")
	}
	r.Header["X-User-Id"] = []string{"mallory"}
	r.Header["X_User_Id"] = []string{"mallory"}
	res, body := b.do(t, b.client, r)
	for name := range res.Header {
		if strings.HasPrefix(name, "X-Set-Cookie") && res.StatusCode < 300 {
			t.Errorf("%s reaches the browser", name)
		}
	}
	got := visit{
		Status: res.StatusCode, Location: res.Header.Get("Location"),
		RetryAfter: res.Header.Get("Retry-After"), Refresh: res.Header.Get("Refresh"),
	}
	names := map[string]bool{}
	for _, c := range res.Cookies() {
		names[map[bool]string{true: "-", false: "+"}[c.MaxAge < 0]+c.Name] = true
	}
	if theme := "+theme"; names[theme] {
		got.User = body
		delete(names, theme)
	}
	got.Cookies = strings.Join(slices.Sorted(maps.Keys(names)), " ")
	return got
}

// signIn puts a session into the browser and returns its user and its refresh
// token.
func (p *protected) signIn(t *testing.T, b *browser, expired bool) (user, refresh string) {
	t.Helper()
	signIn := p.fake.SignIn
	if expired {
		signIn = p.fake.SignInExpired
	}
	grant := signIn(b.client.Jar, parse(t, app), "ada@example.com")
	return grant.User.ID, grant.RefreshToken.Secret.Reveal()
}

func want(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestForwardAuth(t *testing.T) {
	scenarios := map[string]func(*testing.T, *protected){
		"valid session": forwardValid, "expired JWT": forwardExpired, "large tokens": forwardLarge, "refused": forwardRefused,
		"refused after an hour": forwardRefusedTwice, "no session": forwardAnonymous, "upstream down": forwardUpstreamDown,
		"kit down": forwardKitDown, "burst": forwardBurst,
	}
	for _, p := range proxies(t) {
		for name, scenario := range scenarios {
			t.Run(p.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				scenario(t, newProtected(t, p, crossminttest.Config{}))
			})
		}
	}
}

func forwardValid(t *testing.T, p *protected) {
	b := p.browser(t)
	user, _ := p.signIn(t, b, false)
	want(t, "page", visit{Status: 200, User: user}, b.open(t, "/page?a=1&b=2", "navigate"))
	want(t, "the application's 401", visit{Status: 401, User: user}, b.open(t, "/own-401", "navigate"))
	want(t, "the application's 500", visit{Status: 500, User: user}, b.open(t, "/own-500", "navigate"))
	want(t, "post", seen{Status: 200, Body: user}, b.fetch(t, app, http.MethodPost, app+"/page", "{}"))
	b.open(t, "/auth", "cors") // must not reach the kit: checked by open
}

func forwardExpired(t *testing.T, p *protected) {
	b, slow := p.browser(t), p.browser(t)
	user, refresh := p.signIn(t, b, true)
	for _, c := range b.client.Jar.Cookies(parse(t, app)) {
		slow.client.Jar.SetCookies(parse(t, app), []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/"}})
	}
	want(t, "page", visit{Status: 200, User: user, Cookies: renewedCookies}, b.open(t, "/", "navigate"))
	if b.cookies(t, app)["crossmint-refresh-token"] == refresh {
		t.Error("the browser still has the old refresh token")
	}
	want(t, "page with the new cookies", visit{Status: 200, User: user}, b.open(t, "/", "navigate"))
	time.Sleep(12 * time.Second)
	want(t, "page after 12 s", visit{Status: 200, User: user}, b.open(t, "/", "navigate"))
	want(t, "page with the old cookies after 12 s", visit{Status: 200, User: user, Cookies: renewedCookies}, slow.open(t, "/", "navigate"))
	want(t, "refreshes and live tokens", []int{1, 1}, []int{p.fake.Calls().Refresh, p.fake.LiveOf(user)})
	want(t, "refresh route", http.StatusOK, b.fetch(t, app, http.MethodPost, app+"/refresh", "{}").Status)
}

func forwardLarge(t *testing.T, p *protected) {
	b := p.browser(t)
	user, _ := p.signIn(t, b, true)
	p.fake.SetClaims(user, map[string]any{"padding": strings.Repeat("a", 2700)})
	want(t, "page", visit{Status: 200, User: user, Cookies: renewedCookies}, b.open(t, "/", "navigate"))
	if size := len(b.cookies(t, app)["crossmint-session"]); size < 3800 {
		t.Errorf("the JWT has %d bytes", size)
	}
	want(t, "page with the new cookies", visit{Status: 200, User: user}, b.open(t, "/", "navigate"))
}

func forwardRefused(t *testing.T, p *protected) {
	for _, mode := range []string{"navigate", "cors"} {
		b := p.browser(t)
		_, refresh := p.signIn(t, b, true)
		p.fake.Revoke(refresh)
		first := visit{Status: 503, RetryAfter: "1", Cookies: markerCookie}
		if mode == "navigate" {
			first.Refresh = "1"
		}
		want(t, mode+", first", first, b.open(t, "/page?a=1", mode))
		time.Sleep(1100 * time.Millisecond) // as Retry-After and Refresh say
		want(t, mode+", second", p.proxy.unauthenticated(mode, "/page?a=1"), b.open(t, "/page?a=1", mode))
		if got := b.cookies(t, app)["crossmint-refresh-token"]; got != refresh {
			t.Errorf("%s: the refresh token is gone", mode)
		}
	}
}

func forwardRefusedTwice(t *testing.T, p *protected) {
	b := p.browser(t)
	_, refresh := p.signIn(t, b, true)
	p.fake.Revoke(refresh)
	r := httptest.NewRequest(http.MethodGet, app, nil)
	testkit.AddMarker(r, refresh, time.Now().Add(-2*time.Hour))
	for _, c := range r.Cookies() {
		b.client.Jar.SetCookies(parse(t, app), []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/"}})
	}
	expected := p.proxy.unauthenticated("navigate", "/page")
	if !p.proxy.losesDeletions {
		expected.Cookies = "-crossmint-refresh-token -crossmint-refresh-token-refused -crossmint-session"
	}
	want(t, "page", expected, b.open(t, "/page", "navigate"))
}

func forwardAnonymous(t *testing.T, p *protected) {
	b := p.browser(t)
	want(t, "page", p.proxy.unauthenticated("navigate", "/page?a=1"), b.open(t, "/page?a=1", "navigate"))
	want(t, "page that looks like a host", p.proxy.unauthenticated("navigate", "//evil.example/"), b.open(t, "//evil.example/", "navigate"))
	want(t, "page in advance", p.proxy.unauthenticated(inAdvance, "/page"), b.open(t, "/page", inAdvance))
	want(t, "script", p.proxy.unauthenticated("cors", "/page?a=1"), b.open(t, "/page?a=1", "cors"))
	want(t, "upstream calls", 0, p.fake.Calls().Refresh)
}

func forwardUpstreamDown(t *testing.T, p *protected) {
	valid, expired := p.browser(t), p.browser(t)
	user, _ := p.signIn(t, valid, false)
	late, refresh := p.signIn(t, expired, true)
	p.fake.FailAlways(crossminttest.Refresh, testkit.BadGateway())
	want(t, "valid JWT", visit{Status: 200, User: user}, valid.open(t, "/", "navigate"))
	want(t, "expired JWT", visit{Status: 503, RetryAfter: "1"}, expired.open(t, "/", "navigate"))
	if got := expired.cookies(t, app)["crossmint-refresh-token"]; got != refresh {
		t.Error("the refresh token is gone")
	}
	p.fake.Heal()
	want(t, "expired JWT, upstream is back", visit{Status: 200, User: late, Cookies: renewedCookies}, expired.open(t, "/", "navigate"))
}

func forwardKitDown(t *testing.T, p *protected) {
	b := p.browser(t)
	_, _ = p.signIn(t, b, false)
	fatal(t, p.server.Close())
	want(t, "page", visit{Status: p.proxy.kitDown}, b.open(t, "/", "navigate"))
}

func forwardBurst(t *testing.T, p *protected) {
	jar := p.browser(t)
	user, _ := p.signIn(t, jar, true)
	p.fake.SetLatency(crossminttest.Refresh, 300*time.Millisecond)
	var all sync.WaitGroup
	for range 5 {
		b := p.browser(t)
		b.client.Jar, _ = cookiejar.New(nil)
		b.client.Jar.SetCookies(parse(t, app), jar.client.Jar.Cookies(parse(t, app)))
		all.Go(func() {
			want(t, "page", visit{Status: 200, User: user, Cookies: renewedCookies}, b.open(t, "/", "navigate"))
		})
	}
	all.Wait()
	want(t, "refreshes and live tokens", []int{1, 1}, []int{p.fake.Calls().Refresh, p.fake.LiveOf(user)})
}
