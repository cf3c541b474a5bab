package fleetlab_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/integration_test/lab"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
)

// secret is the secret of the deployment.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// route is the network between one instance and the store.
type route interface {
	// newCoordinator returns a coordinator that uses the route.
	newCoordinator(onEvent onEvent) (*protocol.Coordinator, error)
	// close closes all connections, and refuses new ones.
	close()
}

// instance is one instance of the fleet. It shares no state with the others.
type instance struct {
	handler  http.Handler
	require  func(http.Handler) http.Handler
	cookies  *cookie.Codec
	client   *crossmint.Client
	sessions *session.Manager
	route    route           // nil without a store
	killed   context.Context // ends when the instance is killed or released
	end      context.CancelFunc
	gate     gate
	requests sync.WaitGroup
	served   atomic.Int64 // requests
}

// enter begins a request.
func (i *instance) enter() {
	i.requests.Add(1)
	i.served.Add(1)
	i.gate.enter()
}

// leave ends a request.
func (i *instance) leave() {
	i.gate.leave()
	i.requests.Done()
}

func (f *fleet) newInstance() (*instance, error) {
	i := &instance{}
	i.killed, i.end = context.WithCancel(context.Background())
	if f.freezes {
		i.gate.freeze = func() time.Duration { return f.upTo(time.Minute) }
		i.gate.onWait = f.countWait
	}
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
		if config.Coordinator, err = i.route.newCoordinator(f.countEvent); err != nil {
			return nil, err
		}
	}
	if i.sessions, err = session.NewManager(config); err != nil {
		return nil, err
	}
	i.cookies, err = cookie.NewCodec(cookie.Config{ProjectID: i.client.ProjectID(), InsecureAllowHTTP: f.allowHTTP, Former: former})
	if err != nil {
		return nil, err
	}
	i.require = middleware.RequireSession(i.sessions, i.cookies, middleware.Config{})
	i.handler = i.newHandler()
	return i, nil
}

// former are the attributes of the cookies of an earlier release.
var former = []cookie.Config{
	{Path: lab.FormerPath},
	{Domain: lab.FormerDomain},
	{Names: cookie.Names{JWT: lab.FormerPrefix + "-session", RefreshToken: lab.FormerPrefix + "-refresh-token"}},
}

func (i *instance) newHandler() http.Handler {
	page := &url.URL{Path: "/signin"}
	forms := handlers.NewSignIn(i.client, i.sessions, i.cookies, handlers.SignInConfig{EmailPage: page, CodePage: page, Key: secret})
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(i.sessions, i.cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(i.sessions, i.cookies, handlers.Config{}))
	mux.HandleFunc("/signin/code", forms.SendCode)
	mux.HandleFunc("/signin/confirm", forms.ConfirmCode)
	mux.Handle("/me", i.require(http.HandlerFunc(me)))
	return mux
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
	t.instance.gate.wait(r.Context())
	res, err := t.next.RoundTrip(r)
	t.instance.gate.wait(r.Context())
	if err == nil && res.StatusCode == http.StatusOK && strings.HasSuffix(r.URL.Path, "/refresh") && t.fleet.chooseKill() {
		t.fleet.kill(t.instance)
	}
	if err == nil {
		res.Body = &killableBody{res.Body, t.instance, r.Context()}
	}
	return res, err
}

// killableBody is a body that a killed instance cannot read.
type killableBody struct {
	io.ReadCloser
	instance *instance
	ctx      context.Context // of the request
}

func (b *killableBody) Read(p []byte) (int, error) {
	b.instance.gate.wait(b.ctx)
	if b.instance.killed.Err() != nil {
		return 0, errKilled
	}
	return b.ReadCloser.Read(p)
}
