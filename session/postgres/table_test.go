package postgres_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/postgres"
)

// Two rounds of refreshes with records that expire at once: the second one needs no
// more space than the first.
func TestTableCleansItself(t *testing.T) {
	t.Parallel()
	const refreshes, workers = 10_000, 8
	server := startServer(t)
	database := createDatabase(t, server)
	store, err := postgres.NewStore(postgres.Config{URL: session.NewSecret(server.URL(instance, database))})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	inspector := connect(t, server, database)
	var sizes []int64
	for round := range 2 {
		var all sync.WaitGroup
		for worker := range workers {
			all.Go(func() {
				for n := range refreshes / 2 / workers {
					shortRefresh(t, store, fmt.Sprintf("t%02d.%d.%d", worker, round, n))
				}
			})
		}
		all.Wait()
		var rows, size int64
		if _, err := inspector.Exec(t.Context(), "VACUUM crossmint_records"); err != nil {
			t.Fatal(err)
		}
		if err := inspector.QueryRow(t.Context(), "SELECT count(*), pg_total_relation_size('crossmint_records') FROM crossmint_records").Scan(&rows, &size); err != nil {
			t.Fatal(err)
		}
		t.Logf("after %d refreshes: %d rows, %d kB", (round+1)*refreshes/2, rows, size>>10)
		if rows > refreshes/10 {
			t.Errorf("%d rows of %d refreshes are left", rows, refreshes/2)
		}
		sizes = append(sizes, size)
	}
	if sizes[1] > sizes[0]*3/2 {
		t.Errorf("the table grows: %d", sizes)
	}
}

// While expired rows are slow to remove, the connections are left to the refreshes.
func TestSlowCleaning(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	database := createDatabase(t, server)
	execute(t, server, database, `CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
		CREATE TRIGGER slow BEFORE DELETE ON crossmint_records FOR EACH STATEMENT EXECUTE FUNCTION sleep()`)
	store, err := postgres.NewStore(postgres.Config{URL: session.NewSecret(server.URL(instance, database) + "&pool_max_conns=2")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for n := range 300 { // one in sixteen starts to remove rows
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // less than a removal takes
		_, swapped, err := store.Swap(ctx, fmt.Sprint("t00.", n), 0, []byte("value"), time.Minute)
		cancel()
		if err != nil || !swapped {
			t.Fatalf("record %d: %t, %v", n, swapped, err)
		}
	}
}

// shortRefresh writes a lock and a result, both with a short TTL.
func shortRefresh(t *testing.T, store fleet.Store, key string) {
	const ttl = 20 * time.Millisecond
	lock, swapped, err := store.Swap(t.Context(), key, 0, make([]byte, 100), time.Minute)
	if err != nil || !swapped {
		t.Errorf("lock: %t, %v", swapped, err)
		return
	}
	if _, swapped, err := store.Swap(t.Context(), key, lock.Version, make([]byte, 3000), ttl); err != nil || !swapped {
		t.Errorf("result: %t, %v", swapped, err)
	}
}

func TestTableHoldsNoToken(t *testing.T) {
	t.Parallel()
	const refreshes = 300
	server := startServer(t)
	database := createDatabase(t, server)
	url := server.URL(instance, database)
	inspector := connect(t, server, database)
	if _, err := inspector.Exec(t.Context(), "LISTEN crossmint"); err != nil {
		t.Fatal(err)
	}
	a, b := newCoordinator(t, url, postgres.Config{}), newCoordinator(t, url, postgres.Config{})
	calls := &coordinatortest.Calls{Exchange: func(_ context.Context, token session.Secret) (*session.Grant, error) {
		grant := coordinatortest.Successor(token)
		grant.JWT = session.NewSecret("canary-jwt-" + token.Reveal())
		grant.User.Email = "canary@example.com"
		return grant, nil
	}}
	for n := range refreshes {
		coordinatortest.Do(t, a, fmt.Sprint("canary-token-", n), calls)
		coordinatortest.Do(t, b, fmt.Sprint("canary-token-", n), calls)
	}
	calls.WantExchanged(t, refreshes)
	coordinatortest.Logout(t, b, "canary-token-0")
	a.deny(t, 1)
	b.wantDenied(t, 1)

	rows, err := inspector.Query(t.Context(), "SELECT key, value FROM crossmint_records")
	if err != nil {
		t.Fatal(err)
	}
	values := 0
	for ; rows.Next(); values++ {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			t.Fatal(err)
		}
		wantSealed(t, key, value)
	}
	if err := rows.Err(); err != nil || values < refreshes {
		t.Errorf("%d values, %v", values, err)
	}
	for n := range refreshes {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		message, err := inspector.WaitForNotification(ctx)
		cancel()
		if err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
		topic, encoded, _ := strings.Cut(message.Payload, " ")
		value, err := base64.RawStdEncoding.DecodeString(encoded)
		if err != nil {
			t.Errorf("message %d: %v", n, err)
		}
		wantSealed(t, topic, value)
	}
}

// wantSealed checks that neither a name nor a value holds a token or an address.
func wantSealed(t *testing.T, name string, value []byte) {
	t.Helper()
	if strings.Contains(name, "canary") || bytes.Contains(value, []byte("canary")) {
		t.Errorf("the record of %s holds a token", name)
	}
}
