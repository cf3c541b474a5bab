package deployment_test

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// kit is what a program has before it decides how it is deployed.
type kit struct {
	fake     *crossminttest.Server
	client   *crossmint.Client
	sessions *session.Manager
}

// jwtLifetime lets a session need its refresh token while a test looks on.
const jwtLifetime = 2 * time.Second

func newKit(t *testing.T, config crossminttest.Config) *kit {
	t.Helper()
	config.Algorithm = "ES256"
	fake, err := crossminttest.New(config)
	fatal(t, err)
	t.Cleanup(fake.Close)
	client, err := crossmint.NewClient(fake.Config())
	fatal(t, err)
	t.Cleanup(client.Close)
	fatal(t, client.Preload(t.Context()))
	sessions, err := session.NewManager(session.Config{Upstream: client, Logger: slog.New(slog.DiscardHandler)})
	fatal(t, err)
	t.Cleanup(func() { fatal(t, sessions.Close(context.Background())) })
	return &kit{fake, client, sessions}
}

// me responds with the ID of the session's user.
var me = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	_, _ = io.WriteString(w, s.UserID)
})

// mount is what the deployments have in common.
func mount(k *kit, cookies *cookie.Codec, routes handlers.Config, sessions middleware.Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(k.sessions, cookies, routes))
	mux.Handle("/logout", handlers.Logout(k.sessions, cookies, routes))
	mux.Handle("GET /me", middleware.RequireSession(k.sessions, cookies, sessions)(me))
	return mux
}

func (k *kit) codec(t *testing.T, config cookie.Config) *cookie.Codec {
	t.Helper()
	config.ProjectID = k.client.ProjectID()
	codec, err := cookie.NewCodec(config)
	fatal(t, err)
	return codec
}

// listen returns a listener on a free loopback port.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	return listener
}

// serve serves until the test ends, over TLS if there is a TLSConfig, and
// returns the address.
func serve(t *testing.T, server *http.Server) string {
	t.Helper()
	listener := listen(t)
	server.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if server.TLSConfig != nil {
			_ = server.ServeTLS(listener, "", "") // always ErrServerClosed
		} else {
			_ = server.Serve(listener)
		}
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return listener.Addr().String()
}
