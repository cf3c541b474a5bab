// Package upstream is the fake Crossmint of the fleet. It records the instances
// that ask for a refresh, and can have the next one killed before the response
// arrives.
package upstream

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

const (
	// jwtLifetime is long: the page has a button that makes a JWT expire.
	jwtLifetime = time.Hour
	// latency is long enough for requests to meet at both instances.
	latency = 200 * time.Millisecond
	// grace is the time for which a used refresh token is accepted again. It is
	// longer than the lock of a dead instance (12 s).
	grace         = 30 * time.Second
	headerTimeout = 5 * time.Second
	closeTimeout  = 3 * time.Second
)

// demoUser is the user of the demo.
const demoUser = "ada@example.com"

// Upstream is a fake Crossmint that records refreshes.
type Upstream struct {
	fake   *crossminttest.Server
	server *http.Server
	addr   string
	served chan struct{}

	mu     sync.Mutex // guards all below
	askers []string   // the instances that asked for a refresh, in their order
	trap   func(name string)
}

// Start starts an Upstream on a free loopback port.
func Start() (*Upstream, error) {
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true, JWTLifetime: jwtLifetime, Reuse: crossminttest.ReuseGrace, Grace: grace})
	if err != nil {
		return nil, err
	}
	fake.SetLatency(crossminttest.Refresh, latency)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fake.Close()
		return nil, err
	}
	u := &Upstream{fake: fake, addr: listener.Addr().String(), served: make(chan struct{})}
	u.server = &http.Server{Handler: http.HandlerFunc(u.serve), ReadHeaderTimeout: headerTimeout}
	go func() {
		defer close(u.served)
		_ = u.server.Serve(listener) // always ErrServerClosed: Close ends it
	}()
	return u, nil
}

// Config returns the configuration of a client.
func (u *Upstream) Config() crossmint.Config {
	config := u.fake.Config()
	config.BaseURL, config.HTTPClient = "http://"+u.addr, nil
	return config
}

// serve records the instance that asks for a refresh. Its name is in the header for
// crossmint.Config.AppID.
func (u *Upstream) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/refresh") {
		u.fake.ServeHTTP(w, r)
		return
	}
	name := r.Header.Get("x-app-identifier")
	u.mu.Lock()
	u.askers = append(u.askers, name)
	trap := u.trap
	u.trap = nil
	u.mu.Unlock()
	if trap == nil {
		u.fake.ServeHTTP(w, r)
		return
	}
	u.fake.ServeHTTP(discard{}, r) // the token is used now
	trap(name)
	panic(http.ErrAbortHandler)
}

// discard is a ResponseWriter that discards the response.
type discard http.Header

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// SetTrap makes the next refresh call spring with the name of the instance, after
// the token is used and before the response, which is then lost. nil removes the
// trap.
func (u *Upstream) SetTrap(spring func(name string)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.trap = spring
}

// Trapped reports whether a trap is set.
func (u *Upstream) Trapped() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.trap != nil
}

// Askers returns the instances that asked for a refresh, without the first since
// of them.
func (u *Upstream) Askers(since int) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string{}, u.askers[since:]...)
}

// OneTimeSecret returns the secret of a completed sign-in.
func (u *Upstream) OneTimeSecret() string { return u.fake.OneTimeSecret(u.user()) }

// ExpiredJWT returns an expired JWT of the demo user.
func (u *Upstream) ExpiredJWT() string { return u.fake.ExpiredJWT(u.user()) }

func (u *Upstream) user() session.User { return u.fake.NewUser(demoUser) }

// Close stops the server.
func (u *Upstream) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := u.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = u.server.Close()
	}
	<-u.served
	u.fake.Close()
	return err
}
