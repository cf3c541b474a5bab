package deployment_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// fronted is a proxy with two instances of the kit behind it.
type fronted struct {
	*kit
	hosts internet
	cert  certificate
	// handler is that of both instances.
	handler atomic.Pointer[http.Handler]
}

const (
	// instanceHeader names the instance in every response of an instance. A
	// response without it is the proxy's own.
	instanceHeader = "X-Instance"
	// requestsHeader is the number of requests that the connection has had.
	requestsHeader = "X-Requests"
)

// newFronted starts the proxy with the document's configuration. It replaces pairs
// of strings in it.
func newFronted(t *testing.T, f front, pairs ...string) *fronted {
	t.Helper()
	fronted := &fronted{kit: newKit(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}), cert: newCertificate(t, "app.example.com")}
	fronted.respond(mount(fronted.kit, fronted.codec(t, cookie.Config{}), handlers.Config{}, middleware.Config{}))
	text := between(t, fronted.instance(t, "1"), fronted.instance(t, "2"), pairs...)
	fronted.hosts = internet{"app.example.com:443": f.run(t, text, fronted.cert)}
	return fronted
}

// respond replaces the handler of both instances.
func (f *fronted) respond(kit http.Handler) {
	mux := http.NewServeMux()
	mux.Handle("/", kit)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	handler := http.Handler(mux)
	f.handler.Store(&handler)
}

// instance serves the handler, and adds both headers.
func (f *fronted) instance(t *testing.T, name string) string {
	t.Helper()
	type requestsKey struct{}
	return serve(t, &http.Server{
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, requestsKey{}, new(atomic.Int64))
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(instanceHeader, name)
			w.Header().Set(requestsHeader, strconv.FormatInt(r.Context().Value(requestsKey{}).(*atomic.Int64).Add(1), 10))
			(*f.handler.Load()).ServeHTTP(w, r)
		}),
	})
}

func (f *fronted) browser(t *testing.T) *browser {
	t.Helper()
	return newBrowser(t, f.hosts, f.cert.roots)
}

// request returns the status of a response, and its instance.
func (f *fronted) request(t *testing.T, b *browser, method, path string) response {
	t.Helper()
	res, _ := b.do(t, b.client, b.request(t, app, method, app+path, ""))
	return response{Status: res.StatusCode, Instance: res.Header.Get(instanceHeader)}
}

type response struct {
	Status   int
	Instance string
}

// TestFronts runs a user's requests, with a JWT that almost fills its cookie, through
// every proxy of the document, and then an outage of Crossmint: users with valid
// sessions must not notice it.
func TestFronts(t *testing.T) {
	t.Parallel()
	for _, f := range fronts() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			// The proxies close idle connections after one second instead of five.
			fronted := newFronted(t, f, "ttl=5", "ttl=1", "keepalive 5s", "keepalive 1s", "backend_idle_timeout=5", "backend_idle_timeout=1")
			fronted.largeJWT(t)
			fronted.routes(t)
			fronted.idle(t)
			valid, others := fronted.outage(t, handlers.Config{}, middleware.Config{})
			want(t, "users with valid sessions", map[response]bool{{200, "1"}: true, {200, "2"}: true}, valid)
			want(t, "other users", map[response]bool{{503, "1"}: true, {503, "2"}: true}, others)
		})
	}
}

// TestCountingFronts has the proxies count 503 as a failure of an instance: they
// take both instances out, and leave them in with 429.
func TestCountingFronts(t *testing.T) {
	t.Parallel()
	for _, f := range fronts() {
		if f.removed == 0 {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			fronted := newFronted(t, f, f.counting[:]...)
			routes, sessions := noDecision()
			valid, others := fronted.outage(t, routes, sessions)
			want(t, "users with valid sessions, 429", map[response]bool{{200, "1"}: true, {200, "2"}: true}, valid)
			want(t, "other users, 429", map[response]bool{{429, "1"}: true, {429, "2"}: true}, others)

			valid, _ = fronted.outage(t, handlers.Config{}, middleware.Config{})
			if !valid[response{f.removed, ""}] {
				t.Errorf("users with valid sessions, 503: %v, want also %d by the proxy", valid, f.removed)
			}
		})
	}
}

// largeJWT renews a session by a page, and sends it together with cookies of the
// application.
func (f *fronted) largeJWT(t *testing.T) {
	t.Helper()
	b := f.browser(t)
	user := f.fake.SignInExpired(b.client.Jar, parse(t, app), "ann@example.com").User
	f.fake.SetClaims(user.ID, map[string]any{"padding": strings.Repeat("a", 2600)})
	before := b.cookies(t, app)
	want(t, "renewal by a page", seen{Status: 200, Body: user.ID}, b.fetch(t, app, http.MethodGet, app+"/me", ""))
	after := b.cookies(t, app)
	if size := len(after["crossmint-session"]); size < 3700 || size > 4000 || after["crossmint-refresh-token"] == before["crossmint-refresh-token"] {
		t.Errorf("JWT of %d bytes, want about 3,900; new refresh token: %t", size, after["crossmint-refresh-token"] != before["crossmint-refresh-token"])
	}
	b.client.Jar.SetCookies(parse(t, app), []*http.Cookie{
		{Name: "a", Value: strings.Repeat("a", 3000), Path: "/"}, {Name: "b", Value: strings.Repeat("b", 3000), Path: "/"},
	})
	want(t, "page with 10 kB of cookies", seen{Status: 200, Body: user.ID}, b.fetch(t, app, http.MethodGet, app+"/me", ""))
	want(t, "refresh with 10 kB of cookies", http.StatusOK, b.fetch(t, app, http.MethodPost, app+"/refresh", "{}").Status)
}

// routes signs in, refreshes and logs out, with and without Fetch metadata.
func (f *fronted) routes(t *testing.T) {
	t.Helper()
	j := journey{kit: f.kit, browser: f.browser(t), page: app + "/", api: app}
	for _, old := range []bool{false, true} {
		j.browser.old = old
		j.signIn(t)
		j.want(t, http.MethodPost, "/refresh", "{}", http.StatusOK)
		j.attacked(t)
		j.want(t, http.MethodPost, "/logout", "", http.StatusNoContent)
		j.want(t, http.MethodGet, "/me", "", http.StatusUnauthorized)
		want(t, "cookies after the logout", map[string]string{}, j.browser.cookies(t, app))
	}
}

// idle requires that a proxy closes idle connections to an instance before the
// instance does: otherwise a request can meet a connection that is being closed.
func (f *fronted) idle(t *testing.T) {
	t.Helper()
	b := f.browser(t)
	for range 2 {
		f.request(t, b, http.MethodPost, "/logout")
	}
	time.Sleep(2500 * time.Millisecond)
	res, _ := b.do(t, b.client, b.request(t, app, http.MethodPost, app+"/logout", ""))
	want(t, "requests of a connection that was idle", "1", res.Header.Get(requestsHeader))
}

// outage lets Crossmint fail, and returns the responses to users with valid sessions
// and to the others. The instances give up soon, to fail often in a short time.
func (f *fronted) outage(t *testing.T, routes handlers.Config, config middleware.Config) (valid, others map[response]bool) {
	t.Helper()
	sessions, err := session.NewManager(session.Config{
		Upstream: f.client, Logger: slog.New(slog.DiscardHandler), RefreshTimeout: 20 * time.Millisecond, RefreshBudget: 20 * time.Millisecond,
	})
	fatal(t, err)
	defer func() { fatal(t, sessions.Close(context.Background())) }()
	f.respond(mount(&kit{f.fake, f.client, sessions}, f.codec(t, cookie.Config{}), routes, config))
	signedIn, expired := f.browser(t), f.browser(t)
	f.fake.SignIn(signedIn.client.Jar, parse(t, app), "bea@example.com")
	f.fake.SignInExpired(expired.client.Jar, parse(t, app), "cid@example.com")
	f.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(http.StatusForbidden, "text/html", ""))
	defer f.fake.Heal()
	valid, others = map[response]bool{}, map[response]bool{}
	for range 40 {
		others[f.request(t, expired, http.MethodGet, "/me")] = true
		valid[f.request(t, signedIn, http.MethodGet, "/me")] = true
		others[f.request(t, expired, http.MethodPost, "/refresh")] = true
	}
	return valid, others
}
