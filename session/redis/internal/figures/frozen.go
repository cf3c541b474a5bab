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
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/crossmint-go/auth/session/redis/internal/storetest"
)

const (
	// phase is how long the store is well, is frozen, and is well again.
	phase = time.Minute
	// Every validPace a request with a valid session, every expiredPace one
	// whose JWT has expired: far below what two instances can bear, so that
	// the latency is not that of a queue.
	validPace   = 2 * time.Millisecond
	expiredPace = 50 * time.Millisecond
	users       = 100
)

// frozen prints what the users of two instances notice while their store hangs.
func frozen(store *storetest.Server) {
	fake, err := crossminttest.New(crossminttest.Config{})
	check(err)
	defer fake.Close()
	fake.SetLatency(crossminttest.Refresh, upstreamTime)
	f := &fleet{fake: fake, instances: []*instance{serve(fake, store.URL()), serve(fake, store.URL())}}
	for n := range users {
		user := fake.NewUser(fmt.Sprintf("user%d@example.com", n))
		f.users, f.valid = append(f.users, user), append(f.valid, fake.Grant(user))
	}
	fmt.Printf("  two instances, %v a phase:\n", phase)
	f.load("store well")
	check(store.Freeze())
	f.load("store frozen")
	check(store.Thaw())
	f.load("store well again")
	for _, i := range f.instances {
		i.close()
	}
}

// An instance is a service with a coordinator of its own.
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
		_, _ = io.WriteString(w, s.UserID) // who has gone away reads nothing
	})
	return &instance{httptest.NewServer(middleware.RequireSession(sessions, cookies, middleware.Config{})(page)), client, sessions}
}

func (i *instance) close() {
	i.Server.Close()
	check(i.sessions.Close(context.Background()))
	i.client.Close()
}

// fleet is what the load is put on.
type fleet struct {
	fake      *crossminttest.Server
	instances []*instance
	users     []session.User
	valid     []session.Grant // theirs
}

// load sends the requests of one phase and prints how long they took.
func (f *fleet) load(name string) {
	var all sync.WaitGroup
	valid, expired := &answers{}, &answers{}
	end := time.Now().Add(phase)
	all.Go(func() { f.send(valid, end, validPace, func(n int) session.Grant { return f.valid[n%users] }) })
	all.Go(func() {
		f.send(expired, end, expiredPace, func(n int) session.Grant { return f.fake.ExpiredGrant(f.users[n%users]) })
	})
	all.Wait()
	fmt.Printf("    %-16s  valid: %v  expired: %v\n", name, valid, expired)
}

// send sends a request at every pace, whether or not those before were
// answered, and waits for all.
func (f *fleet) send(to *answers, end time.Time, pace time.Duration, grant func(n int) session.Grant) {
	var all sync.WaitGroup
	defer all.Wait()
	due := time.NewTicker(pace)
	defer due.Stop()
	for n := 0; time.Now().Before(end); n++ {
		<-due.C
		i, g := f.instances[n%len(f.instances)], grant(n)
		all.Go(func() { to.ask(i, g) })
	}
}

// answers is what became of the requests of one kind.
type answers struct {
	refused, cleared atomic.Int64

	mu   sync.Mutex // guards took
	took []time.Duration
}

func (a *answers) ask(i *instance, g session.Grant) {
	r, err := http.NewRequest(http.MethodGet, i.URL, http.NoBody)
	check(err)
	for _, c := range crossminttest.Cookies(g) {
		r.AddCookie(c)
	}
	began := time.Now()
	answer, err := i.Client().Do(r)
	check(err)
	_, err = io.Copy(io.Discard, answer.Body)
	check(err)
	took := time.Since(began)
	check(answer.Body.Close())
	if answer.StatusCode != http.StatusOK {
		a.refused.Add(1)
	}
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			a.cleared.Add(1)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.took = append(a.took, took)
}

func (a *answers) String() string {
	return fmt.Sprintf("%d, p50 %v, p99 %v, %d not 200, %d cookies cleared",
		len(a.took), quantile(a.took, 50), quantile(a.took, 99), a.refused.Load(), a.cleared.Load())
}
