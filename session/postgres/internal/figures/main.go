// Command figures measures the time that sharing through PostgreSQL adds to a refresh,
// and the commands of an idle instance. It starts a server on this machine, and takes
// three minutes:
//
//	go run ./internal/figures
package main

import (
	"context"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/postgres"
	"github.com/crossmint-go/auth/session/postgres/internal/storetest"
)

const (
	refreshes = 1000
	// upstreamTime is long enough for the second instance to follow.
	upstreamTime = 10 * time.Millisecond
	// idleTime is longer than the interval in which an instance checks its
	// connection.
	idleTime = 130 * time.Second
)

func main() {
	server, err := storetest.Start()
	check(err)
	defer func() { check(server.Close()) }()
	check(server.Exec("postgres", postgres.Schema))
	url := server.URL(storetest.Superuser, "postgres")
	added("commits wait for the disk", url)
	check(server.Exec("postgres", "ALTER DATABASE postgres SET synchronous_commit = off"))
	added("synchronous_commit is off", url)
	idle(server, url)
}

// added prints the time that sharing adds to a refresh.
func added(name, url string) {
	first, second := newInstance(name, url), newInstance(name, url)
	defer func() {
		check(first.Close(context.Background()))
		check(second.Close(context.Background()))
	}()
	leader, follower := measure(first, second)
	fmt.Printf("%s: %d refreshes shared by two instances, added to upstream's %v:\n", name, refreshes, upstreamTime)
	fmt.Printf("  leader: p50 %v, p99 %v\n", quantile(leader, 50), quantile(leader, 99))
	fmt.Printf("  follower: p50 %v, p99 %v (after upstream's response)\n", quantile(follower, 50), quantile(follower, 99))
}

// measure makes two instances refresh the same tokens. It returns the times of the
// leader without upstream's own, and the times of the follower after upstream's
// response.
func measure(first, second *fleet.Coordinator) (leader, follower []time.Duration) {
	for n := range refreshes {
		token := session.NewSecret(fmt.Sprintf("a refresh token of some length, number %d", n))
		u, done := &upstream{asked: make(chan struct{})}, make(chan time.Time)
		started := time.Now()
		go func() {
			<-u.asked
			_, err := second.Do(context.Background(), token, u.calls())
			check(err)
			done <- time.Now()
		}()
		_, err := first.Do(context.Background(), token, u.calls())
		check(err)
		leader = append(leader, time.Since(started)-u.took)
		follower = append(follower, (<-done).Sub(u.responded))
	}
	return leader[refreshes/10:], follower[refreshes/10:] // without the warm-up
}

// idle prints the transactions that an idle instance makes.
func idle(server *storetest.Server, url string) {
	transactions := func() (n float64) {
		check(server.Query("template1", "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'postgres'", &n))
		return n
	}
	check(server.Exec("postgres", "ALTER TABLE crossmint_records SET (autovacuum_enabled = off)"))
	instance := newInstance("idle", url)
	instance.OnDeny(func([32]byte, time.Time) {})
	time.Sleep(30 * time.Second) // until it has read the denied JWTs, and the server has counted that
	before := transactions()
	time.Sleep(idleTime)
	fmt.Printf("an idle instance: %.1f transactions in a minute\n", (transactions()-before)/idleTime.Minutes())
	check(instance.Close(context.Background()))
}

// newInstance returns an instance of a deployment of its own for each name.
func newInstance(name, url string) *fleet.Coordinator {
	c, err := postgres.New(postgres.Config{URL: session.NewSecret(url), Secret: session.NewSecret(fmt.Sprintf("%-32s", name)), Timeout: 2 * time.Second})
	check(err)
	return c
}

// upstream is a slow upstream that records the time of its response.
type upstream struct {
	asked     chan struct{}
	took      time.Duration
	responded time.Time
}

func (u *upstream) calls() session.UpstreamCalls {
	return session.UpstreamCalls{
		Exchange: u.exchange,
		Verify:   func(context.Context, *session.Grant) error { return nil },
		Revoke:   func(context.Context, *session.Grant) {},
	}
}

func (u *upstream) exchange(_ context.Context, token session.Secret) (*session.Grant, error) {
	started := time.Now()
	close(u.asked)
	time.Sleep(upstreamTime)
	u.responded = time.Now()
	u.took = u.responded.Sub(started)
	return &session.Grant{
		JWT:          session.NewSecret(string(make([]byte, 1000))),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(token.Reveal() + "'")},
		User:         session.User{ID: "a user"}, ReceivedAt: u.responded,
	}, nil
}

func quantile(d []time.Duration, percent int) time.Duration {
	slices.Sort(d)
	return d[len(d)*percent/100].Round(time.Microsecond)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
