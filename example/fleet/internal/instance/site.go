package instance

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/example/fleet/internal/store"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/crossmint-go/auth/session/postgres"
	"github.com/crossmint-go/auth/session/redis"
)

// refreshTimeout is longer than the lock of a dead instance (12 s), so that a
// request outlasts the death of an instance.
const refreshTimeout = 20 * time.Second

// site is the site that an instance serves.
type site struct {
	client   *crossmint.Client
	sessions *session.Manager
	handler  http.Handler
}

// newSite wires the kit. A fleet adds only the coordinator.
func newSite(o Order, logger *slog.Logger) (*site, error) {
	client, err := crossmint.NewClient(crossmint.Config{
		APIKey: session.NewSecret(o.APIKey), BaseURL: o.BaseURL, APIKeyVerifiers: o.APIKeyVerifiers, AppID: o.Name, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), InsecureAllowHTTP: true}) // on loopback only
	if err != nil {
		return nil, err
	}
	coordinator, err := newCoordinator(o, logger)
	if err != nil {
		return nil, err
	}
	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: coordinator, RefreshTimeout: refreshTimeout, Logger: logger})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	mux.Handle("/api/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("GET /api/me", middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(me)))
	return &site{client, sessions, mux}, nil
}

// newCoordinator returns the coordinator for the store.
func newCoordinator(o Order, logger *slog.Logger) (session.Coordinator, error) {
	url, secret := session.NewSecret(o.StoreURL), session.NewSecret(o.Secret)
	switch store.KindOf(o.StoreURL) {
	case store.Postgres:
		return postgres.New(postgres.Config{URL: url, Secret: secret, Logger: logger})
	case store.NATS:
		return nats.New(nats.Config{URL: url, Secret: secret, Logger: logger})
	default:
		return redis.New(redis.Config{URL: url, Secret: secret, Logger: logger})
	}
}

func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context()) // RequireSession guarantees a session
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"userId": s.UserID}) // fails only if the client is gone
}
