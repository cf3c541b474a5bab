package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/crossmint-go/auth/session/postgres"
)

func TestStore(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	pooler, err := server.Pool(instance)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pooler.Close() })
	url := server.URL(instance, createDatabase(t, server, ""))
	pooled := pooler.URL(instance, createDatabase(t, server, ""))
	tests := []struct {
		name   string
		config postgres.Config
	}{
		{name: "read committed", config: postgres.Config{URL: session.NewSecret(url)}},
		{name: "serializable", config: postgres.Config{URL: session.NewSecret(server.URL(instance, createDatabase(t, server, "SET default_transaction_isolation = serializable")))}},
		{name: "old output formats", config: postgres.Config{URL: session.NewSecret(server.URL(instance, createDatabase(t, server, "SET bytea_output = escape", "SET DateStyle = 'German'")))}},
		{name: "a pooler in transaction mode", config: postgres.Config{URL: session.NewSecret(pooled), ListenURL: session.NewSecret(server.URL(instance, databaseOf(pooled)))}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fleettest.RunStore(t, func(t *testing.T) fleet.Store {
				store, err := postgres.NewStore(test.config)
				if err != nil {
					t.Fatal(err)
				}
				return store
			})
		})
	}
}

// Commits with synchronous_commit wait for a standby that does not exist.
func TestWritesDoNotWait(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	pool := newPool(t, server.URL(instance, createDatabase(t, server))+"&pool_max_conns=1")
	store, err := postgres.NewStore(postgres.Config{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	execute(t, server, "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'missing'")
	execute(t, server, "postgres", "SELECT pg_reload_conf()")
	var setting string
	show := func(name string) string {
		if err := pool.QueryRow(t.Context(), "SHOW "+name).Scan(&setting); err != nil {
			t.Error(err)
		}
		return setting
	}
	coordinatortest.Eventually(t, "commits wait", func() bool { return show("synchronous_standby_names") == "missing" })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	swap := func(version uint64, value string, want bool) fleet.Record {
		r, swapped, err := store.Swap(ctx, "test.key", version, []byte(value), time.Minute)
		if err != nil || swapped != want {
			t.Fatalf("swapped: %t, err = %v", swapped, err)
		}
		return r
	}
	created := swap(0, "1", true)
	swap(0, "2", false) // locks the row
	replaced := swap(created.Version, "3", true)
	if err := store.Publish(ctx, "test", []byte("message")); err != nil {
		t.Error(err)
	}
	swap(replaced.Version, "", true)
	if got := show("synchronous_commit"); got != "on" {
		t.Errorf("synchronous_commit = %s after the writes, want on", got)
	}
}

// A pooler may give the next statement another connection.
func TestLostPreparedStatement(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	pool := newPool(t, server.URL(instance, createDatabase(t, server))+"&pool_max_conns=1")
	store, err := postgres.NewStore(postgres.Config{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for n := range 3 {
		if _, err := store.Load(t.Context(), "test.key"); err != nil {
			t.Errorf("load %d: %v", n, err)
		}
		if _, err := pool.Exec(t.Context(), "DEALLOCATE ALL"); err != nil {
			t.Fatal(err)
		}
	}
}
