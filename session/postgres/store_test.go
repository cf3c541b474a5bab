package postgres_test

import (
	"testing"

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
