package postgres_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/postgrestest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/postgres"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is the secret of the deployment.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// instance is the role of the instances. It has the documented privileges only.
const instance = "instance"

// startServer starts a server with the role of the instances.
func startServer(t *testing.T, settings ...string) *postgrestest.Server {
	t.Helper()
	server, err := postgrestest.Start(append([]string{"fsync=off", "max_connections=300"}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	execute(t, server, "postgres", "CREATE ROLE "+instance+" LOGIN")
	return server
}

func execute(t *testing.T, server *postgrestest.Server, database, sql string) {
	t.Helper()
	if err := server.Exec(database, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

var databases atomic.Int64

// createDatabase creates a database with the table, and with settings such as
// "SET DateStyle = German". It returns its name.
func createDatabase(t *testing.T, server *postgrestest.Server, settings ...string) string {
	t.Helper()
	name := fmt.Sprint("auth", databases.Add(1))
	execute(t, server, "postgres", "CREATE DATABASE "+name)
	for _, setting := range settings {
		if setting != "" {
			execute(t, server, "postgres", "ALTER DATABASE "+name+" "+setting)
		}
	}
	execute(t, server, name, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
	execute(t, server, name, postgres.Schema)
	execute(t, server, name, documentedGrants(t))
	return name
}

func databaseOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// connect returns a connection of the superuser.
func connect(t *testing.T, server *postgrestest.Server, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL(postgrestest.Superuser, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// documentedGrants returns the statements of the package documentation.
func documentedGrants(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)^//\tGRANT .*$").FindAllString(string(doc), -1)
	if len(found) != 2 {
		t.Fatalf("the documentation has the grants %q", found)
	}
	return strings.ReplaceAll(strings.Join(found, "\n"), "//\t", "")
}

// newCoordinator returns the coordinator of one instance. Its operations may take
// long unless config has a Timeout: test machines are slow.
func newCoordinator(t *testing.T, address string, config postgres.Config) *coordinator {
	t.Helper()
	config.Secret = secret
	if config.Pool == nil {
		config.URL = session.NewSecret(address)
	}
	if config.Timeout == 0 {
		config.Timeout = 2 * time.Second // the longest
	}
	if config.Grace == 0 {
		config.Grace = time.Minute
	}
	c := &coordinator{denied: make(chan [sha256.Size]byte, 16)}
	config.OnEvent = func(ctx context.Context, e event.Event) {
		t.Logf("event: %s: %v", e.Outcome, e.Err)
		c.events.Record(ctx, e)
	}
	var err error
	if c.Coordinator, err = postgres.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	c.OnDeny(func(digest [sha256.Size]byte, _ time.Time) { c.denied <- digest })
	return c
}

// A coordinator is that of one instance, with the events and the denied JWTs that it
// has received.
type coordinator struct {
	*fleet.Coordinator
	events testkit.Events
	denied chan [sha256.Size]byte
}

// deny denies a JWT.
func (c *coordinator) deny(t *testing.T, digest byte) {
	t.Helper()
	if err := c.Deny(t.Context(), [sha256.Size]byte{digest}, time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
}

// denyAfterOutage denies a JWT. The instance may still pause after the outage; then it
// sends the denial later.
func (c *coordinator) denyAfterOutage(t *testing.T, digest byte) {
	t.Helper()
	if err := c.Deny(t.Context(), [sha256.Size]byte{digest}, time.Now().Add(time.Hour)); err != nil {
		t.Logf("denied later: %v", err)
	}
}

// wantDenied waits until the instance has received a denied JWT.
func (c *coordinator) wantDenied(t *testing.T, digest byte) {
	t.Helper()
	for timeout := time.After(time.Minute); ; {
		select {
		case got := <-c.denied:
			if got == [sha256.Size]byte{digest} {
				return
			}
		case <-timeout:
			t.Fatalf("the denied JWT %d was not received", digest)
		}
	}
}

// wantShared checks that one instance gets the result of another.
func wantShared(t *testing.T, a, b *coordinator, token string) {
	t.Helper()
	calls := &coordinatortest.Calls{}
	coordinatortest.Do(t, a, token, calls)
	coordinatortest.Do(t, b, token, calls)
	calls.WantExchanged(t, 1)
}

// connections counts the connections of instances to a database that match a condition
// on pg_stat_ssl.
func connections(t *testing.T, server *postgrestest.Server, database, condition string) (n int) {
	t.Helper()
	err := connect(t, server, database).QueryRow(t.Context(),
		"SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE datname = $1 AND usename = $2 AND "+condition, database, instance).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
