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

// secret is the secret of the deployment.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// route is the network between one instance and the store.
type route interface {
	// newCoordinator returns a coordinator that uses the route.
	newCoordinator(config redis.Config) (*redis.Coordinator, error)
	// close closes all connections, and refuses new ones.
	close()
}

// instance is one instance of the fleet. It shares no state with the others.
type instance struct {
	handler  http.Handler
	client   *crossmint.Client
	sessions *session.Manager
	route    route           // nil without a store
	killed   context.Context // ends when the instance is killed or released
	end      context.CancelFunc
}

func (f *fleet) newInstance() (*instance, error) {
	i := &instance{}
	i.killed, i.end = context.WithCancel(context.Background())
	upstream := f.upstream
	upstream.Logger = slog.New(slog.DiscardHandler)
	upstream.HTTPClient = &http.Client{Transport: &killingTransport{upstream.HTTPClient.Transport, f, i}}
	var err error
	if i.client, err = crossmint.NewClient(upstream); err != nil {
		return nil, err
	}
	config := session.Config{Upstream: i.client, OnEvent: f.countEvent}
	if f.newRoute != nil {
		if i.route, err = f.newRoute(); err != nil {
			return nil, err
		}
		if config.Coordinator, err = i.route.newCoordinator(redis.Config{Secret: secret, OnEvent: f.countEvent}); err != nil {
			return nil, err
		}
	}
	if i.sessions, err = session.NewManager(config); err != nil {
		return nil, err
	}
	i.handler, err = newHandler(i.sessions, cookie.Config{ProjectID: i.client.ProjectID(), InsecureAllowHTTP: f.allowHTTP})
	return i, err
}

func newHandler(sessions *session.Manager, config cookie.Config) (http.Handler, error) {
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

// me writes the ID of the session's user.
func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	_, _ = io.WriteString(w, s.UserID)
}

// disconnect has the effect of a SIGKILL on the peers of the instance: it ends all
// exchange with upstream, the store and the load balancer.
func (i *instance) disconnect() {
	i.end()
	if i.route != nil {
		i.route.close()
	}
}

// release closes an instance, which may have been killed before.
func (i *instance) release(ctx context.Context) {
	_ = i.sessions.Close(ctx) // fails for a killed instance
	i.client.Close()
	i.disconnect()
}

var errKilled = errors.New("the instance was killed")

// killingTransport is the connection of one instance to upstream. It kills the
// instance on some refresh responses: upstream has rotated the token then, and no
// other instance has the new one.
type killingTransport struct {
	next     http.RoundTripper
	fleet    *fleet
	instance *instance
}

func (t *killingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.instance.killed.Err() != nil {
		return nil, errKilled
	}
	res, err := t.next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusOK && strings.HasSuffix(r.URL.Path, "/refresh") && t.fleet.chooseKill() {
		t.fleet.kill(t.instance)
	}
	if err == nil {
		res.Body = &killableBody{res.Body, t.instance}
	}
	return res, err
}

// killableBody is a body that a killed instance cannot read.
type killableBody struct {
	io.ReadCloser
	instance *instance
}

func (b *killableBody) Read(p []byte) (int, error) {
	if b.instance.killed.Err() != nil {
		return 0, errKilled
	}
	return b.ReadCloser.Read(p)
}
