package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/postgres"
	"github.com/crossmint-go/auth/session/postgres/internal/pgtest"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is the secret of the deployment.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// instance is the role of the instances. It has the documented privileges only.
const instance = "instance"

// startServer starts a server with the role of the instances.
func startServer(t *testing.T, settings ...string) *pgtest.Server {
	t.Helper()
	server, err := pgtest.Start(append([]string{"fsync=off", "max_connections=300"}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	exec(t, server, "postgres", "CREATE ROLE "+instance+" LOGIN")
	return server
}

func exec(t *testing.T, server *pgtest.Server, database, sql string) {
	t.Helper()
	if err := server.Exec(database, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

var databases atomic.Int64

// createDatabase creates a database with the table, and with settings such as
// "SET DateStyle = German". It returns its name.
func createDatabase(t *testing.T, server *pgtest.Server, settings ...string) string {
	t.Helper()
	name := fmt.Sprint("auth", databases.Add(1))
	exec(t, server, "postgres", "CREATE DATABASE "+name)
	for _, setting := range settings {
		if setting != "" {
			exec(t, server, "postgres", "ALTER DATABASE "+name+" "+setting)
		}
	}
	exec(t, server, name, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
	exec(t, server, name, postgres.Schema)
	exec(t, server, name, documentedGrants(t))
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
func connect(t *testing.T, server *pgtest.Server, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL(pgtest.Superuser, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func documentedGrants(t *testing.T) string {
	return "GRANT USAGE ON SCHEMA public TO " + instance + "; GRANT SELECT, INSERT, UPDATE, DELETE ON crossmint_records TO " + instance
}
