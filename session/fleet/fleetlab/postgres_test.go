package fleetlab_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/postgrestest"
	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/postgres"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var postgresKind = kind{
	name: "postgres",
	newServer: func(t *testing.T) simulatedServer {
		s := startPostgres(t)
		address, err := createSimulatedDatabase(s)
		if err != nil {
			t.Fatal(err)
		}
		return &postgresServer{server: s, database: address}
	},
	startReal: func(t *testing.T) map[string]realServer {
		s := startPostgres(t)
		if err := s.Exec("postgres", postgres.Schema); err != nil {
			t.Fatal(err)
		}
		return map[string]realServer{"postgres": realPostgres{s}}
	},
	connect: func(address string, onEvent onEvent) (*protocol.Coordinator, error) {
		url := fmt.Sprintf("postgres://%s@%s/postgres?sslmode=disable", postgrestest.Superuser, address)
		return postgres.New(postgres.Config{URL: session.NewSecret(url), Secret: secret, OnEvent: onEvent})
	},
}

func startPostgres(t *testing.T) *postgrestest.Server {
	t.Helper()
	s, err := postgrestest.Start("fsync=off", "max_connections=500")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// realPostgres is a server that keeps its data.
type realPostgres struct{ *postgrestest.Server }

// Freeze implements realServer.
func (s realPostgres) Freeze() error { s.Server.Freeze(); return nil }

// Thaw implements realServer.
func (s realPostgres) Thaw() error { s.Server.Thaw(); return nil }

// simulatedClock replaces the clock of PostgreSQL by a setting of the connection.
const simulatedClock = `
CREATE SCHEMA lab;
CREATE FUNCTION lab.clock_timestamp() RETURNS timestamptz LANGUAGE sql
	AS $$ SELECT pg_catalog.to_timestamp(pg_catalog.current_setting('lab.now')::float8 / 1000000) $$;
CREATE FUNCTION lab.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT lab.clock_timestamp() $$;
`

// createSimulatedDatabase creates a database whose clock is that of the bubbles. It
// returns its name.
func createSimulatedDatabase(s *postgrestest.Server) (string, error) {
	const name = "simulated"
	return name, errors.Join(
		s.Exec("postgres", "CREATE DATABASE "+name),
		s.Exec(name, postgres.Schema+simulatedClock),
		s.Exec("postgres", "ALTER DATABASE "+name+" SET search_path = lab, pg_catalog, public"),
	)
}

// postgresServer is a real server, whose clock and connections are those of a bubble.
type postgresServer struct {
	server   *postgrestest.Server
	database string
	conns    sync.WaitGroup

	mu        sync.Mutex // guards all below
	stopped   chan struct{}
	listeners map[*postgresConn]bool
}

func (s *postgresServer) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.listeners = make(chan struct{}), map[*postgresConn]bool{}
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, s.server.URL(postgrestest.Superuser, s.database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "TRUNCATE crossmint_records").ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

func (s *postgresServer) stop() {
	s.mu.Lock()
	close(s.stopped)
	s.mu.Unlock()
	s.conns.Wait()
}

func (s *postgresServer) refusesFrozen() bool { return false }

func (s *postgresServer) closeTime() time.Duration { return time.Second }

func (s *postgresServer) newCoordinator(onEvent onEvent, dial func(context.Context) (net.Conn, error)) (*protocol.Coordinator, func(), error) {
	config, err := pgxpool.ParseConfig(s.server.URL(postgrestest.Superuser, s.database))
	if err != nil {
		return nil, nil, err
	}
	config.ConnConfig.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, nil, err
	}
	c, err := postgres.New(postgres.Config{Pool: pool, Secret: secret, OnEvent: onEvent})
	return c, pool.Close, err
}

func (s *postgresServer) connect() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stopped := s.stopped
	select {
	case <-stopped:
		return nil, errors.New("the store is stopped")
	default:
	}
	far, err := net.Dial("tcp", s.server.Addr())
	if err != nil {
		return nil, err
	}
	near, client := net.Pipe()
	c := &postgresConn{server: s, near: near, far: far, notified: make(chan struct{}, 1), closed: make(chan struct{})}
	s.conns.Go(c.serve)
	s.conns.Go(func() {
		select {
		case <-stopped:
		case <-c.closed:
		}
		_ = near.Close()
	})
	return client, nil
}

// listen adds a connection that listens.
func (s *postgresServer) listen(c *postgresConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listeners[c] {
		s.listeners[c] = true
		s.conns.Go(c.receive)
	}
}

// notify makes the connections that listen read their notifications.
func (s *postgresServer) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.listeners {
		select {
		case c.notified <- struct{}{}:
		default:
		}
	}
}

func (s *postgresServer) remove(c *postgresConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, c)
}
