package network_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/integration_test/network"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// callTimeout bounds one call to upstream. Some calls of these tests must reach it, and
// the others must not.
const callTimeout = time.Second

// site is a server with the kit and a proxy before its upstream.
type site struct {
	fake   *crossminttest.Server
	proxy  *network.Proxy
	client *crossmint.Client
	server *httptest.Server
}

// siteConfig configures a site.
type siteConfig struct {
	fake    crossminttest.Config
	tls     *tls.Config // in front of the fake; nil: plain http
	client  crossmint.Config
	session session.Config
	// handler replaces the kit. nil: the kit.
	handler func(*crossmint.Client) http.Handler
}

func newSite(t *testing.T, config siteConfig) *site {
	t.Helper()
	s := &site{fake: newFake(t, config.fake)}
	scheme, target := "http://", strings.TrimPrefix(s.fake.URL(), "http://")
	if config.tls != nil {
		scheme, target = "https://", tlsFront(t, s.fake, config.tls)
	}
	var err error
	s.proxy, err = network.NewProxy(target)
	fatal(t, err)
	t.Cleanup(s.proxy.Close)
	s.start(t, scheme+s.proxy.Addr(), config)
	return s
}

func newFake(t *testing.T, config crossminttest.Config) *crossminttest.Server {
	t.Helper()
	config.Algorithm = "ES256"
	fake, err := crossminttest.New(config)
	fatal(t, err)
	t.Cleanup(fake.Close)
	return fake
}

// tlsFront serves the fake over TLS, and returns its address.
func tlsFront(t *testing.T, fake http.Handler, config *tls.Config) string {
	t.Helper()
	front := httptest.NewUnstartedServer(fake)
	front.TLS, front.EnableHTTP2 = config, http2
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	t.Cleanup(front.Close)
	return front.Listener.Addr().String()
}

// start starts the server. Its client has the default transport.
func (s *site) start(t *testing.T, upstream string, config siteConfig) {
	t.Helper()
	own := s.fake.Config()
	config.client.APIKey, config.client.APIKeyVerifiers, config.client.BaseURL = own.APIKey, own.APIKeyVerifiers, upstream
	config.client.Timeout = cmp.Or(config.client.Timeout, callTimeout)
	config.client.Logger, config.session.Logger = slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler)
	var err error
	s.client, err = crossmint.NewClient(config.client)
	fatal(t, err)
	t.Cleanup(s.client.Close)
	handler := s.kit
	if config.handler != nil {
		handler = func(*testing.T, session.Config) http.Handler { return config.handler(s.client) }
	}
	s.server = httptest.NewServer(handler(t, config.session))
	t.Cleanup(s.server.Close)
}

// kit returns the routes of the kit.
func (s *site) kit(t *testing.T, config session.Config) http.Handler {
	t.Helper()
	config.Upstream = s.client
	sessions, err := session.NewManager(config)
	fatal(t, err)
	t.Cleanup(func() { fatal(t, sessions.Close(context.Background())) })
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: s.client.ProjectID(), InsecureAllowHTTP: true})
	fatal(t, err)
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("GET /me", middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(me)))
	return mux
}

// preload fetches the signing keys, with retries on a busy machine, and leaves an open
// connection.
func (s *site) preload(t *testing.T) {
	t.Helper()
	err := s.client.Preload(t.Context())
	for deadline := time.Now().Add(waitTimeout); err != nil && time.Now().Before(deadline); {
		err = s.client.Preload(t.Context())
	}
	fatal(t, err)
}

// me responds with the user ID.
func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	_, _ = io.WriteString(w, s.UserID)
}
