package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/session/fleet"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Schema creates the table of the records, unless it exists. Its owner runs it once,
// for example as a migration. It needs no extension and no privilege but CREATE on
// the schema.
//
// Values are random bytes, which do not compress. Most rows die within the hour, so
// the table is vacuumed often.
const Schema = `
CREATE TABLE IF NOT EXISTS crossmint_records (
	key        text COLLATE "C" PRIMARY KEY,
	version    bigint NOT NULL,
	expires_at timestamptz NOT NULL,
	value      bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE crossmint_records ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS crossmint_records_expires_at ON crossmint_records (expires_at);
`

// The statements. Each is atomic by itself: PostgreSQL checks the condition on a row
// again after it has waited for its lock. The clock is read after that wait.
//
// Times are in microseconds and values in hexadecimal, because the text formats of
// PostgreSQL depend on settings.
//
// async applies to the transaction of its statement alone, so that a pooler may give
// the connection to another client. A create that finds a record locks its row, and
// would wait for the disk, too.
const (
	async = `set_config('synchronous_commit', 'off', true)`
	now   = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`
	load  = `SELECT ` + now + `, r.version, encode(r.value, 'hex') FROM (SELECT) AS one
		LEFT JOIN crossmint_records r ON r.key = $1 AND r.expires_at > clock_timestamp()`
	create = `INSERT INTO crossmint_records AS r (key, version, value, expires_at)
		SELECT $1, $2, $3, clock_timestamp() + $4 * interval '1 microsecond' FROM ` + async + `
		ON CONFLICT (key) DO UPDATE SET version = $2, value = $3, expires_at = clock_timestamp() + $4 * interval '1 microsecond'
		WHERE r.expires_at <= clock_timestamp() RETURNING ` + now
	replace = `UPDATE crossmint_records SET version = $2, value = $3, expires_at = clock_timestamp() + $4 * interval '1 microsecond'
		FROM ` + async + ` WHERE key = $1 AND version = $5 AND expires_at > clock_timestamp() RETURNING ` + now
	remove = `DELETE FROM crossmint_records USING ` + async + ` WHERE key = $1 AND version = $2 AND expires_at > clock_timestamp() RETURNING ` + now
	// clean waits for no lock, and checks rows again that have been renewed meanwhile.
	clean = `DELETE FROM crossmint_records USING ` + async + ` WHERE expires_at <= now() AND key = ANY (ARRAY(
		SELECT key FROM crossmint_records WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))`
	notify = `SELECT pg_notify($1, $2)`
)

// One of cleanInterval new records, by chance, removes up to cleanRows expired ones:
// more than are created, also if instances live for some requests only.
const (
	cleanInterval = 16
	cleanRows     = 128
	cleanTimeout  = 5 * time.Second
)

// closeTimeout bounds the wait for connections to a database that does not respond.
const closeTimeout = 2 * time.Second

// Error codes of PostgreSQL (Appendix A of its documentation).
const (
	serializationFailure = "40001"
	readOnlyTransaction  = "25006"
	unknownStatement     = "26000"
	duplicateStatement   = "42P05"
)

var errClosed = errors.New("postgres: the store is closed")

// store implements fleet.Store.
type store struct {
	pool     *pgxpool.Pool
	owns     bool // the store closes the pool
	listener *pgxpool.Config
	isPooler atomic.Bool // prepared statements do not stay with their connection

	stopped context.Context // ends with Close
	stop    context.CancelFunc

	cleaning sync.Mutex // held while expired records are removed

	mu      sync.Mutex // guards all below
	feed    *feed      // nil until there is a subscription, and after a failure
	running sync.WaitGroup
}

// queryRow runs a statement that returns one row, in one round trip. After some errors
// nothing has happened, and queryRow tries again: the database's default isolation may be
// serializable, and a pooler may change the connection between two statements.
func (s *store) queryRow(ctx context.Context, results []any, sql string, args ...any) error {
	for s.stopped.Err() == nil {
		mode := pgx.QueryExecModeCacheStatement
		if s.isPooler.Load() {
			mode = pgx.QueryExecModeExec
		}
		err := s.pool.QueryRow(ctx, sql, append([]any{mode}, args...)...).Scan(results...)
		var failure *pgconn.PgError
		switch {
		case err == nil || errors.Is(err, pgx.ErrNoRows):
			return err
		case !errors.As(err, &failure):
		case failure.Code == serializationFailure:
			continue
		case failure.Code == unknownStatement || failure.Code == duplicateStatement:
			s.isPooler.Store(true)
			continue
		case failure.Code == readOnlyTransaction:
			s.pool.Reset() // its connections lead to a former primary
		}
		return fmt.Errorf("postgres: %w", err)
	}
	return errClosed
}

// Load implements fleet.Store.
func (s *store) Load(ctx context.Context, key string) (r fleet.Record, err error) {
	var now int64
	var version *int64 // nil if there is no record
	var value *string
	if err := s.queryRow(ctx, []any{&now, &version, &value}, load, key); err != nil {
		return fleet.Record{}, err
	}
	if r.Now = time.UnixMicro(now); version != nil {
		r.Version = uint64(*version)
		r.Value, err = hex.DecodeString(*value)
	}
	return r, err
}

// Swap implements fleet.Store. Versions are random: those of a sequence would come
// back when a replica takes over that has not received the last ones.
func (s *store) Swap(ctx context.Context, key string, version uint64, value []byte, ttl time.Duration) (fleet.Record, bool, error) {
	next := rand.Int64N(math.MaxInt64) + 1
	r := fleet.Record{Value: value, Version: uint64(next)}
	var now int64
	var err error
	switch {
	case len(value) == 0 && version == 0:
		r, err = s.Load(ctx, key)
		return r, err == nil && r.Version == 0, err
	case len(value) == 0:
		r = fleet.Record{}
		err = s.queryRow(ctx, []any{&now}, remove, key, int64(version))
	case version == 0:
		err = s.queryRow(ctx, []any{&now}, create, key, next, value, ttl.Microseconds())
		s.sometimesClean()
	default:
		err = s.queryRow(ctx, []any{&now}, replace, key, next, value, ttl.Microseconds(), int64(version))
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		r, err = s.Load(ctx, key)
		return r, false, err
	case err != nil:
		return fleet.Record{}, false, err
	}
	r.Now = time.UnixMicro(now)
	return r, true, nil
}

// sometimesClean removes some expired records in the background. No call waits for it.
// It uses one connection at most: a transaction elsewhere that keeps dead rows for hours
// makes it slow.
func (s *store) sometimesClean() {
	if rand.IntN(cleanInterval) != 0 || !s.cleaning.TryLock() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.goLocked(func() {
		defer s.cleaning.Unlock()
		ctx, cancel := context.WithTimeout(s.stopped, cleanTimeout)
		defer cancel()
		_, _ = s.pool.Exec(ctx, clean, pgx.QueryExecModeExec, cleanRows) // a later one removes more
	})
}

// goLocked starts a goroutine, unless the store is closed.
func (s *store) goLocked(f func()) {
	if s.stopped.Err() == nil {
		s.running.Go(f)
	}
}

// Close implements fleet.Store.
func (s *store) Close() error {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	s.running.Wait()
	if !s.owns || s.pool == nil {
		return nil
	}
	closed := make(chan struct{})
	go func() {
		s.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
	return nil
}
