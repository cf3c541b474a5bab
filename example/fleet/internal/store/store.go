// Package store runs the store that the instances share, or connects them with one that
// runs already.
package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"

	"github.com/crossmint-go/auth/session/postgres"
	"github.com/jackc/pgx/v5"
)

// A Store is a running store.
type Store struct {
	// Kind is the name of the program, or Embedded, or the kind of a store that runs
	// already.
	Kind string
	// URL is for the Config of the adapter for it. It may hold a password.
	URL string

	daemon *daemon // nil: another process, or this one, runs the store
	close  func() error
}

// Embedded is the kind of the store within this process.
const Embedded = "miniredis"

// The names of the stores that Start starts.
const (
	Memory = "memory"       // within this process
	Server = "redis-server" // or a valkey-server
)

// programs are the servers to look for, in this order.
var programs = []string{"redis-server", "valkey-server"}

// kinds are the kinds of the stores that run already, by the scheme of their URL.
var kinds = map[string]string{
	"redis": "Redis", "rediss": "Redis", "unix": "Redis", "postgres": Postgres, "postgresql": Postgres, "nats": NATS, "tls": NATS,
}

// Kinds of stores that have an adapter of their own. All others are as Redis.
const (
	Postgres = "PostgreSQL"
	NATS     = "NATS"
)

// KindOf returns the kind of the store with a URL, or "" if there is none.
func KindOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return kinds[u.Scheme]
}

// Check returns an error if Start knows no store of the name. It does not repeat the
// name: a URL may hold a password.
func Check(name string) error {
	if name == Memory || name == Server || KindOf(name) != "" {
		return nil
	}
	return fmt.Errorf("it must be %s, %s, or a URL as redis://host:6379, postgres://host/name or nats://host:4222", Memory, Server)
}

// Start starts the store of a name, or checks the one with a URL as name.
func Start(ctx context.Context, name string) (*Store, error) {
	switch name {
	case Memory:
		return startEmbedded()
	case Server:
		for _, program := range programs {
			if path, err := exec.LookPath(program); err == nil {
				return startDaemon(program, path)
			}
		}
		return nil, errors.New("neither redis-server nor valkey-server is installed")
	}
	s := &Store{Kind: KindOf(name), URL: name, close: func() error { return nil }}
	if s.Kind == Postgres {
		return s, createTable(ctx, name)
	}
	return s, nil
}

// createTable creates the table of the records, unless it exists. A deployment does so
// once, with the owner of the schema.
func createTable(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, postgres.Schema)
	return errors.Join(err, conn.Close(ctx))
}

// PID returns the process ID of the store, or 0 if it is not a process of its own that
// Start has started.
func (s *Store) PID() int {
	if s.daemon == nil {
		return 0
	}
	return s.daemon.cmd.Process.Pid
}

// CanFreeze reports whether the store can be frozen.
func (s *Store) CanFreeze() bool { return s.daemon != nil && canSignal }

var errNotFrozen = errors.New("this store cannot be frozen")

// Freeze stops the store without closing a connection: it hangs.
func (s *Store) Freeze() error {
	if !s.CanFreeze() {
		return errNotFrozen
	}
	return s.daemon.freeze()
}

// Thaw ends Freeze.
func (s *Store) Thaw() error {
	if !s.CanFreeze() {
		return errNotFrozen
	}
	return s.daemon.thaw()
}

// Frozen reports whether the store is frozen.
func (s *Store) Frozen() bool { return s.daemon != nil && s.daemon.isFrozen() }

// Close ends a store that Start has started, and its content.
func (s *Store) Close() error { return s.close() }
