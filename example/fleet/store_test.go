package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/postgrestest"
	"github.com/crossmint-go/auth/internal/redistest"
	"github.com/nats-io/nats-server/v2/server"
)

// The fleet shares through every store that runs already.
func TestStores(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind  string
		start func(t *testing.T) (url string)
	}{
		{kind: "Redis", start: startRedis},
		{kind: "PostgreSQL", start: startPostgres},
		{kind: "NATS", start: startNATS},
	} {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			v := visit(t, "-store", test.start(t))
			if got := v.state().Store; got.Kind != test.kind || got.CanFreeze {
				t.Errorf("the store is %+v, want %s, which cannot be frozen", got, test.kind)
			}
			v.want(409, "POST", "/demo/freeze")
			v.signIn()
			wantOneCall(t, v.herd(expired))
		})
	}
}

func startRedis(t *testing.T) string {
	t.Helper()
	binaries, err := redistest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	s, err := redistest.Start(slices.Sorted(maps.Values(binaries))[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.URL()
}

func startPostgres(t *testing.T) string {
	t.Helper()
	s, err := postgrestest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.URL(postgrestest.Superuser, "postgres")
}

func startNATS(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}
