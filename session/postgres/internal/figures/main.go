// Command figures measures the time that sharing through PostgreSQL adds to a refresh,
// beside that of Redis, and the transactions of an idle instance. It starts the servers
// on this machine, and takes six minutes:
//
//	go -C session/postgres run ./internal/figures
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/crossmint-go/auth/internal/fleetfigures"
	"github.com/crossmint-go/auth/internal/postgrestest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/postgres"
)

const (
	// rounds is the number of measurements of each store, in turns.
	rounds    = 4
	refreshes = 1000
	// idleTime is longer than the interval in which an instance checks its
	// connection.
	idleTime = 130 * time.Second
)

func main() {
	server, err := postgrestest.Start()
	check(err)
	defer func() { check(server.Close()) }()
	check(server.Exec("postgres", postgres.Schema))
	url := server.URL(postgrestest.Superuser, "postgres")
	for round := range rounds {
		added(fmt.Sprint("PostgreSQL, round ", round), url)
		addedByRedis()
	}
	idle(server, url)
}

// added prints the time that sharing adds to a refresh.
func added(name, url string) {
	fmt.Println(name)
	check(fleetfigures.Added(newInstance(name, url), newInstance(name, url), refreshes))
}

// addedByRedis runs the same measurement in the module of the other adapter.
func addedByRedis() {
	redis := exec.Command("go", "-C", "../redis", "run", "./internal/figures", "-only", "added")
	redis.Stdout, redis.Stderr = os.Stdout, os.Stderr
	check(redis.Run())
}

// idle prints the transactions that an idle instance makes.
func idle(server *postgrestest.Server, url string) {
	transactions := func() float64 {
		count, err := server.Query("template1", "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'postgres'")
		check(err)
		n, err := strconv.ParseFloat(count, 64)
		check(err)
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
