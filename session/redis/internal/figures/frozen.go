package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/fleetfigures"
	"github.com/crossmint-go/auth/internal/redistest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

const (
	// phase is the length of each phase: healthy, frozen, and healthy again.
	phase = time.Minute
	// validInterval and expiredInterval are the times between two requests with
	// a valid or an expired JWT. That is far below the capacity of two
	// instances, so that the latency is not that of a queue.
	validInterval   = 2 * time.Millisecond
	expiredInterval = 50 * time.Millisecond
	users           = 100
)

// frozen prints the latencies of two instances before, during and after a hang of
// their store.
func frozen(store *redistest.Server) {
	fake, err := crossminttest.New(crossminttest.Config{})
	check(err)
	defer fake.Close()
	fake.SetLatency(crossminttest.Refresh, fleetfigures.UpstreamTime)
	f := &target{fake: fake, instances: []*instance{serve(fake, store.URL()), serve(fake, store.URL())}}
	for n := range users {
		user := fake.NewUser(fmt.Sprintf("user%d@example.com", n))
		f.users, f.valid = append(f.users, user), append(f.valid, fake.Grant(user))
	}
	fmt.Printf("  two instances, %v a phase:\n", phase)
	f.load("store healthy")
	check(store.Freeze())
	f.load("store frozen")
	check(store.Thaw())
	f.load("store recovered")
	for _, i := range f.instances {
		i.close()
	}
}

// An instance is a service with its own coordinator.
type instance struct {
	*httptest.Server
	client   *crossmint.Client
	sessions *session.Manager
}

func serve(fake *crossminttest.Server, url string) *instance {
	quiet := slog.New(slog.DiscardHandler)
	config := fake.Config()
	config.Logger = quiet
	client, err := crossmint.NewClient(config)
	check(err)
	check(client.Preload(context.Background()))
	coordinator, err := redis.New(redis.Config{URL: session.NewSecret(url), Secret: session.NewSecret("a secret for measurements, of 32 bytes"), Logger: quiet})
	check(err)
	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: coordinator, Logger: quiet})
	check(err)
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), InsecureAllowHTTP: true})
	check(err)
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		_, _ = io.WriteString(w, s.UserID) // fails only if the client is gone
	})
	return &instance{httptest.NewServer(middleware.RequireSession(sessions, cookies, middleware.Config{})(page)), client, sessions}
}

func (i *instance) close() {
	i.Server.Close()
	check(i.sessions.Close(context.Background()))
	i.client.Close()
}

// target is the fleet that gets the load.
type target struct {
	fake      *crossminttest.Server
	instances []*instance
	users     []session.User
	valid     []session.Grant // of the users
}

// load sends the requests of one phase and prints their latencies.
func (f *target) load(name string) {
	var all sync.WaitGroup
	valid, expired := &responses{}, &responses{}
	end := time.Now().Add(phase)
	all.Go(func() { f.send(valid, end, validInterval, func(n int) session.Grant { return f.valid[n%users] }) })
	all.Go(func() {
		f.send(expired, end, expiredInterval, func(n int) session.Grant { return f.fake.ExpiredGrant(f.users[n%users]) })
	})
	all.Wait()
	fmt.Printf("    %-16s  valid: %v  expired: %v\n", name, valid, expired)
}

// send sends requests at an interval, without waiting for the responses. It returns
// when all have ended.
func (f *target) send(to *responses, end time.Time, interval time.Duration, grant func(n int) session.Grant) {
	var all sync.WaitGroup
	defer all.Wait()
	due := time.NewTicker(interval)
	defer due.Stop()
	for n := 0; time.Now().Before(end); n++ {
		<-due.C
		i, g := f.instances[n%len(f.instances)], grant(n)
		all.Go(func() { to.ask(i, g) })
	}
}

// responses are the responses to the requests of one kind.
type responses struct {
	rejected, cleared atomic.Int64

	mu   sync.Mutex // guards took
	took []time.Duration
}

func (r *responses) ask(i *instance, g session.Grant) {
	req, err := http.NewRequest(http.MethodGet, i.URL, http.NoBody)
	check(err)
	for _, c := range crossminttest.Cookies(g) {
		req.AddCookie(c)
	}
	started := time.Now()
	res, err := i.Client().Do(req)
	check(err)
	_, err = io.Copy(io.Discard, res.Body)
	check(err)
	took := time.Since(started)
	check(res.Body.Close())
	if res.StatusCode != http.StatusOK {
		r.rejected.Add(1)
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			r.cleared.Add(1)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = append(r.took, took)
}

func (r *responses) String() string {
	return fmt.Sprintf("%d, p50 %v, p99 %v, %d not 200, %d cookies cleared",
		len(r.took), fleetfigures.Quantile(r.took, 50), fleetfigures.Quantile(r.took, 99), r.rejected.Load(), r.cleared.Load())
}
