// Package upstream is the fake Crossmint of the fleet. It tells who has asked
// it for a refresh, and can have the next who does so killed before the answer
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
	// grace is for how long a used refresh token is forgiven: longer than the
	// lock of a dead instance lasts (12 s).
	grace         = 30 * time.Second
	headerTimeout = 5 * time.Second
	closePatience = 3 * time.Second
)

// demoUser is who signs in.
const demoUser = "ada@example.com"

// Upstream is a fake in front of which somebody takes notes.
type Upstream struct {
	fake   *crossminttest.Server
	server *http.Server
	addr   string
	served chan struct{}

	mu     sync.Mutex // guards all below
	askers []string   // who asked for a refresh, the first one first
	trap   func(name string)
}

// Start starts it on a free loopback port.
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

// Config returns what a client needs.
func (u *Upstream) Config() crossmint.Config {
	config := u.fake.Config()
	config.BaseURL, config.HTTPClient = "http://"+u.addr, nil
	return config
}

// serve notes who asks for a refresh: instances put their name into the header
// that crossmint.Config.AppID is sent in.
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
	u.fake.ServeHTTP(nowhere{}, r) // the token is used up
	trap(name)
	panic(http.ErrAbortHandler)
}

// nowhere is where an answer goes that nobody is to get.
type nowhere http.Header

func (n nowhere) Header() http.Header         { return http.Header{} }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

// SetTrap has spring called with the name of the next who asks for a refresh,
// when the token is used up and before there is an answer, which is then lost.
// nil: nobody.
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

// Askers returns who has asked for a refresh since the first since of them.
func (u *Upstream) Askers(since int) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string{}, u.askers[since:]...)
}

// OneTimeSecret returns what a sign-in ends with.
func (u *Upstream) OneTimeSecret() string { return u.fake.OneTimeSecret(u.user()) }

// ExpiredJWT returns one of the user who signs in.
func (u *Upstream) ExpiredJWT() string { return u.fake.ExpiredJWT(u.user()) }

func (u *Upstream) user() session.User { return u.fake.NewUser(demoUser) }

// Close ends it.
func (u *Upstream) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	err := u.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = u.server.Close()
	}
	<-u.served
	u.fake.Close()
	return err
}
