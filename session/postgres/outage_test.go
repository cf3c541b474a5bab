package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/postgrestest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/postgres"
	"github.com/jackc/pgx/v5/pgconn"
)

// timeout is that of production: a loaded machine needs a part of it to connect.
const timeout = time.Second

func TestOutage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		begin, end func(*postgrestest.Server) error
	}{
		{
			name:  "the server is killed and restarted",
			begin: func(s *postgrestest.Server) error { s.Kill(); return nil },
			end:   (*postgrestest.Server).Up,
		},
		{
			name:  "the server hangs",
			begin: func(s *postgrestest.Server) error { s.Freeze(); return nil },
			end:   func(s *postgrestest.Server) error { s.Thaw(); return nil },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t)
			url := server.URL(instance, createDatabase(t, server))
			a, b := newCoordinator(t, url, postgres.Config{Timeout: timeout}), newCoordinator(t, url, postgres.Config{Timeout: timeout})
			wantShared(t, a, b, "before")
			a.deny(t, 1)
			b.wantDenied(t, 1)
			inspector := connect(t, server, "postgres")
			coordinatortest.Eventually(t, "the rows are on the disk", func() bool {
				var flushed bool
				err := inspector.QueryRow(t.Context(), "SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()").Scan(&flushed)
				return err == nil && flushed
			})
			if err := test.begin(server); err != nil {
				t.Fatal(err)
			}
			calls := &coordinatortest.Calls{}
			coordinatortest.Do(t, a, "during", calls) // alone
			calls.WantExchanged(t, 1)
			if err := a.Deny(t.Context(), digestOf(2), time.Now().Add(time.Hour)); err == nil {
				t.Error("Deny has no error")
			}
			if !a.events.Has(event.StoreDegraded) {
				t.Error("the outage is not reported")
			}
			if err := test.end(server); err != nil {
				t.Fatal(err)
			}
			coordinatortest.Eventually(t, "the end of the outage is reported", func() bool { return a.events.Has(event.StoreRecovered) })
			b.wantDenied(t, 2)
			wantSharedEventually(t, a, b)
			coordinatortest.Do(t, b, "before", calls) // a crash keeps the rows that are on the disk
			calls.WantExchanged(t, 1)
		})
	}
}

// An administrator may end idle sessions (PostgreSQL 14). The connection that listens is
// idle for most of its time.
func TestIdleSessionTimeout(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	database := createDatabase(t, server, "SET idle_session_timeout = '500ms'")
	store, err := postgres.NewStore(postgres.Config{URL: session.NewSecret(server.URL(instance, database))})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ready, ended := make(chan struct{}, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		ended <- store.Subscribe(ctx, "test", func() { ready <- struct{}{} }, func([]byte) {})
	}()
	<-ready
	var timeout *pgconn.PgError
	if _, err := connect(t, server, database).WaitForNotification(t.Context()); !errors.As(err, &timeout) || timeout.Code != "57P05" {
		t.Fatalf("err = %v, want the timeout of a later idle connection", err)
	}
	select {
	case err := <-ended:
		t.Errorf("the subscription has ended: %v", err)
	default:
	}
}

// wantSharedEventually waits until two instances share refreshes again.
func wantSharedEventually(t *testing.T, a, b *coordinator) {
	t.Helper()
	coordinatortest.Eventually(t, "the instances share refreshes", func() bool {
		calls, token := &coordinatortest.Calls{}, rand.Text()
		coordinatortest.Do(t, a, token, calls)
		coordinatortest.Do(t, b, token, calls)
		return calls.Exchanged.Load() == 1
	})
}

func TestCloseOfAServerThatHangs(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	c := newCoordinator(t, server.URL(instance, createDatabase(t, server)), postgres.Config{Timeout: timeout})
	coordinatortest.Do(t, c, "before", &coordinatortest.Calls{})
	server.Freeze()
	coordinatortest.Do(t, c, "during", &coordinatortest.Calls{})
	closed := make(chan error, 1)
	go func() { closed <- c.Close(t.Context()) }()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Error("Close waits for the server")
	}
	server.Thaw()
}

func TestServerWithoutTheTable(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	execute(t, server, "postgres", "CREATE DATABASE empty")
	c := newCoordinator(t, server.URL(instance, "empty"), postgres.Config{})
	calls := &coordinatortest.Calls{}
	coordinatortest.Do(t, c, "a", calls)
	calls.WantExchanged(t, 1)
	if all := c.events.All(); len(all) == 0 || !strings.Contains(all[0].Err.Error(), `relation "crossmint_records" does not exist`) {
		t.Errorf("events: %v", all)
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	primary := startServer(t)
	database := createDatabase(t, primary)
	standby, err := primary.Standby()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = standby.Close() })
	url := fmt.Sprintf("postgres://%s@127.0.0.1:%s,127.0.0.1:%s/%s?sslmode=disable&target_session_attrs=read-write", instance, standby.Port(), primary.Port(), database)
	a, b := newCoordinator(t, url, postgres.Config{Timeout: timeout}), newCoordinator(t, url, postgres.Config{Timeout: timeout})
	wantShared(t, a, b, "before")
	follower := connect(t, standby, database)
	coordinatortest.Eventually(t, "the standby has the row", func() bool {
		var rows int
		return follower.QueryRow(t.Context(), "SELECT count(*) FROM crossmint_records").Scan(&rows) == nil && rows >= 1
	})
	primary.Kill()
	calls := &coordinatortest.Calls{}
	coordinatortest.Do(t, a, "during", calls) // alone
	calls.WantExchanged(t, 1)
	execute(t, standby, "postgres", "SELECT pg_promote()")
	wantSharedEventually(t, a, b)
	coordinatortest.Do(t, b, "before", calls) // the standby has the row
	calls.WantExchanged(t, 1)
	a.denyAfterOutage(t, 3)
	b.wantDenied(t, 3)
}

// A primary that was demoted refuses writes on the connections that it has.
func TestDemotedPrimary(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	database := createDatabase(t, server)
	store, err := postgres.NewStore(postgres.Config{URL: session.NewSecret(server.URL(instance, database) + "&pool_max_conns=1")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	write := func() error {
		_, _, err := store.Swap(t.Context(), "test.key", 0, []byte("value"), time.Minute)
		return err
	}
	execute(t, server, "postgres", "ALTER DATABASE "+database+" SET default_transaction_read_only = on")
	if err := write(); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
		t.Fatalf("err = %v", err)
	}
	execute(t, server, "postgres", "ALTER DATABASE "+database+" RESET default_transaction_read_only")
	if err := write(); err != nil { // on a new connection
		t.Error(err)
	}
}

func TestPoolerWithoutMessages(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	pooler, err := server.Pool(instance)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pooler.Close() })
	url := pooler.URL(instance, createDatabase(t, server))
	a, b := newCoordinator(t, url, postgres.Config{}), newCoordinator(t, url, postgres.Config{})
	wantShared(t, a, b, "a")
	a.deny(t, 1)
	b.wantDenied(t, 1) // by polling
	a.deny(t, 2)
	b.wantDenied(t, 2)
	for _, e := range append(a.events.All(), b.events.All()...) {
		t.Errorf("event: %s: %v", e.Outcome, e.Err)
	}
}

// A password that expired is asked for again.
func TestPasswordCallback(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	database := createDatabase(t, server)
	execute(t, server, database, "CREATE ROLE rotating LOGIN PASSWORD 'old' IN ROLE "+instance)
	if err := server.RequirePassword("rotating"); err != nil {
		t.Fatal(err)
	}
	passwords := make(chan string, 1)
	passwords <- "old"
	config := postgres.Config{Timeout: timeout, Password: func(context.Context) (session.Secret, error) {
		select {
		case password := <-passwords:
			passwords <- password
			return session.NewSecret(password), nil
		default:
			return session.Secret{}, errors.New("no password")
		}
	}}
	url := server.URL("rotating", database)
	a, b := newCoordinator(t, url, config), newCoordinator(t, url, config)
	wantSharedEventually(t, a, b)
	<-passwords
	execute(t, server, database, "ALTER ROLE rotating PASSWORD 'new'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotating'")
	coordinatortest.Eventually(t, "the outage is reported", func() bool { return a.events.Has(event.StoreDegraded) })
	passwords <- "new"
	wantSharedEventually(t, a, b)
	a.denyAfterOutage(t, 1)
	b.wantDenied(t, 1)
}

func digestOf(n byte) [32]byte { return [32]byte{n} }
