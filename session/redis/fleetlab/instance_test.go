package fleetlab_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// secret is the deployment's.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// road is one instance's way to the store.
type road interface {
	// coordinator returns one that takes this way.
	coordinator(config redis.Config) (*redis.Coordinator, error)
	// cut breaks all connections and refuses new ones, for good.
	cut()
}

// instance is one process of the fleet, as far as anybody else can tell.
type instance struct {
	handler  http.Handler
	client   *crossmint.Client
	sessions *session.Manager
	road     road
	dead     context.Context
	end      context.CancelFunc
}

// newInstance starts one.
func (f *fleet) newInstance() (*instance, error) {
	i := &instance{}
	i.dead, i.end = context.WithCancel(context.Background())
	upstream := f.upstream
	upstream.Logger = slog.New(slog.DiscardHandler)
	upstream.HTTPClient = &http.Client{Transport: &wire{upstream.HTTPClient.Transport, f, i}}
	var err error
	if i.client, err = crossmint.NewClient(upstream); err != nil {
		return nil, err
	}
	config := session.Config{Upstream: i.client, OnEvent: f.note}
	if f.road != nil {
		if i.road, err = f.road(); err != nil {
			return nil, err
		}
		if config.Coordinator, err = i.road.coordinator(redis.Config{Secret: secret, OnEvent: f.note}); err != nil {
			return nil, err
		}
	}
	if i.sessions, err = session.NewManager(config); err != nil {
		return nil, err
	}
	i.handler, err = routes(i.sessions, cookie.Config{ProjectID: i.client.ProjectID(), InsecureAllowHTTP: f.http})
	return i, err
}

func routes(sessions *session.Manager, config cookie.Config) (http.Handler, error) {
	cookies, err := cookie.NewCodec(config)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("/me", middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(me)))
	return mux, nil
}

// me answers with the ID of the session's user.
func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	_, _ = io.WriteString(w, s.UserID)
}

// die is what a SIGKILL does, as seen from outside.
func (i *instance) die() {
	i.end()
	if i.road != nil {
		i.road.cut()
	}
}

// bury gives back what this process holds for an instance.
func (i *instance) bury(ctx context.Context) {
	_ = i.sessions.Close(ctx) // of the dead it is known that they did not finish
	i.client.Close()
	i.end()
	if i.road != nil {
		i.road.cut()
	}
}

var errDead = errors.New("the instance is dead")

// wire is an instance's way to upstream. Of some answers to a refresh the
// instance dies: upstream has used the token up, and nobody else knows.
type wire struct {
	next     http.RoundTripper
	fleet    *fleet
	instance *instance
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.instance.dead.Err() != nil {
		return nil, errDead
	}
	res, err := w.next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusOK && strings.HasSuffix(r.URL.Path, "/refresh") && w.fleet.strikes() {
		w.fleet.kill(w.instance)
	}
	if err == nil {
		res.Body = &mortal{res.Body, w.instance}
	}
	return res, err
}

// mortal is a body that only the living read.
type mortal struct {
	io.ReadCloser
	instance *instance
}

func (m *mortal) Read(p []byte) (int, error) {
	if m.instance.dead.Err() != nil {
		return 0, errDead
	}
	return m.ReadCloser.Read(p)
}
