package browser_test

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// options configure a site. The zero value is a site like that of the README, with the
// newest client.
type options struct {
	client        client
	host          string // in the site's URL; "" means 127.0.0.1
	withoutRoutes bool   // the page's client calls upstream itself
	tls           bool   // https, as WebKitGTK needs for Secure cookies
	instances     int    // that requests go to in turn, without a store; 0 means one
	fake          crossminttest.Config
	cookies       cookie.Config
	sessions      session.Config
	handlers      handlers.Config
}

// site is an application with its upstream, on real sockets.
type site struct {
	t             *testing.T
	fake          *crossminttest.Server
	cookies       *cookie.Codec
	journal       journal
	url           string
	withoutRoutes bool
	bring         chan []*http.Cookie // cookies that /arrive sets
}

func newSite(t *testing.T, o options) *site {
	t.Helper()
	if o.client.script == nil {
		o.client = newest()
	}
	t.Logf("with %s %s", o.client.name, o.client.version)
	o.cookies.ProjectID = projectID
	cookies, err := cookie.NewCodec(o.cookies)
	fatal(t, err)
	s := &site{t: t, fake: newFake(t, o.fake), cookies: cookies, withoutRoutes: o.withoutRoutes, bring: make(chan []*http.Cookie, 1)}
	var instances inTurn
	for range max(o.instances, 1) {
		instances.all = append(instances.all, s.routes(o, s.newManager(o.sessions)))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("requests to the site:\n%s", s.journal.String())
		}
	})
	s.url = under(o.host, serve(t, o.tls, s.journal.record(&instances)))
	return s
}

// serve serves a handler until the end of the test, and returns its URL.
func serve(t *testing.T, https bool, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // browsers close connections during the handshake
	if https {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.URL
}

// newManager returns a manager with a client of its own, as in another process. The end
// of the test closes it.
func (s *site) newManager(config session.Config) *session.Manager {
	s.t.Helper()
	upstream, err := crossmint.NewClient(s.fake.Config())
	fatal(s.t, err)
	s.t.Cleanup(upstream.Close)
	fatal(s.t, upstream.Preload(s.t.Context()))
	config.Upstream, config.Logger = upstream, slog.New(slog.DiscardHandler)
	sessions, err := session.NewManager(config)
	fatal(s.t, err)
	s.t.Cleanup(func() { fatal(s.t, sessions.Close(context.WithoutCancel(s.t.Context()))) })
	return sessions
}

// inTurn sends requests to its handlers in turn.
type inTurn struct {
	all  []http.Handler
	next atomic.Int64
}

func (i *inTurn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.all[int(i.next.Add(1))%len(i.all)].ServeHTTP(w, r)
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// under returns the URL of a test server with another name of this machine.
func under(host, serverURL string) string {
	u, err := url.Parse(serverURL)
	if err != nil {
		panic(err) // httptest makes no such URL
	}
	if host != "" {
		u.Host = net.JoinHostPort(host, u.Port())
	}
	return u.String()
}

// routes wires the kit like the README, with a page with the client and a rendered page.
func (s *site) routes(o options, sessions *session.Manager) http.Handler {
	require := middleware.RequireSession(sessions, s.cookies, middleware.Config{})
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, s.cookies, o.handlers))
	mux.Handle("/logout", handlers.Logout(sessions, s.cookies, o.handlers))
	mux.Handle("GET /page", require(http.HandlerFunc(rendered)))
	mux.Handle("GET /{$}", clientPage(o.client, s.pageOptions(o), ""))
	mux.Handle("GET /parallel", parallelPage())
	mux.Handle("GET /parallel/client", clientPage(o.client, s.pageOptions(o), parallelScript(false)))
	mux.Handle("GET /events", require(stream(sessions)))
	mux.Handle("GET /socket", require(socket(sessions)))
	mux.HandleFunc("GET /blank", blank)
	mux.HandleFunc("GET /code", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, s.fake.Code(email)) // the browser may be gone
	})
	mux.HandleFunc("GET /client.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(o.client.script) // the browser may be gone
	})
	mux.HandleFunc("GET /arrive", func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range <-s.bring {
			http.SetCookie(w, c)
		}
	})
	return mux
}

func (s *site) pageOptions(o options) pageOptions {
	page := pageOptions{APIKey: pagesKey(s.t), Upstream: newFront(s.t, s.fake, o.tls)}
	if !o.withoutRoutes {
		page.RefreshRoute, page.LogoutRoute = "/refresh", "/logout"
	}
	return page
}

// arrive stores cookies in the profile of a tab, by Set-Cookie.
func (s *site) arrive(b interface{ open(url string) }, cookies ...*http.Cookie) {
	s.t.Helper()
	s.bring <- cookies
	b.open(s.url + "/arrive")
}

// user returns the ID of the user with that e-mail address.
func (s *site) user() string { return s.fake.NewUser(email).ID }

// email is the address of the tests' user.
const email = "ada@example.com"

// refreshes returns the number of refreshes at upstream.
func (s *site) refreshes() int { return s.fake.Calls().Refresh }
