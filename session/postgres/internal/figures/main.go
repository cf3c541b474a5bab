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
	"time"

	"github.com/crossmint-go/auth/internal/fleetfigures"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/postgres"
	"github.com/crossmint-go/auth/session/postgres/internal/storetest"
)

const (
	refreshes = 1000
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
	fmt.Println(name)
	check(fleetfigures.Added(newInstance(name, url), newInstance(name, url), refreshes))
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

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
