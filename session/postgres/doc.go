// Package postgres lets the instances of a fleet share refreshes and logouts through
// PostgreSQL 12 or later. The database is trusted with nothing but availability.
//
//	fleet, err := postgres.New(postgres.Config{URL: session.NewSecret("postgres://…"), Secret: session.NewSecret(…)})
//	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: fleet})
//
// The Coordinator does what package session/fleet says, in the same way for each
// store. This package is its connection to PostgreSQL.
//
// # What to configure
//
// [Config.Secret] is required, and either [Config.URL] or [Config.Pool]. Run [Schema]
// once as the owner of a schema, and grant the role of the instances
//
//	GRANT USAGE ON SCHEMA public TO instance;
//	GRANT SELECT, INSERT, UPDATE, DELETE ON crossmint_records TO instance;
//
// The table may be in another schema on the search_path of that role. New does not
// create the table: the role of an application that only reads and writes rows
// should not own them. No extension, no superuser and no scheduled job is needed.
//
// A connection to another machine needs TLS that verifies its certificate
// (sslmode=verify-full, or [Config.TLS]). [Config.Password] is for passwords that
// change, such as the tokens of a cloud's IAM.
//
// Each instance has one connection that listens, and a pool: four connections, or as
// many as there are processors, or pool_max_conns of the URL. The former receives a
// message of up to 8 kB for each refresh of the fleet.
//
// # What the table holds
//
// One row for each token that was refreshed within the last hour, for each logout
// within the last hour, and 64 at most for denied JWTs. Names are HMACs and values are sealed;
// a dump shows when sessions were refreshed, and no token. Instances that create rows
// remove expired ones, up to 128 in one statement and without a wait for locks. While
// no session is refreshed, the last expired rows stay.
//
// Each row is changed by one statement with a condition. This is correct under READ
// COMMITTED. Under a default isolation of SERIALIZABLE a statement that fails with
// the code 40001 has had no effect, and is run again.
//
// # PgBouncer
//
// A pooler in transaction mode works: the statements need no session. They are prepared.
// If the pooler loses a prepared statement, as PgBouncer before 1.21 does, the instance
// goes on without, and an operation takes some 0.1 ms more. Such a pooler has no LISTEN.
// Set [Config.ListenURL] to the database itself for the one connection of an instance
// that listens. Otherwise the instance notices within 2 s that it receives no messages,
// and polls: it reads the denied JWTs every 10 s, in 64 short statements, so a logout
// counts on all instances within about 12 s. A request that waits for the refresh of
// another instance reads its row after half a second at most, and then after 2 s at most.
//
// # When the database is down
//
// Requests with a valid JWT never use the database, and notice nothing. A refresh
// waits for one operation, 1 s at most. After a failure each instance works alone,
// without that wait, and tries the database again after a growing time of up to 5 s.
// The events event.StoreDegraded and event.StoreRecovered report the beginning and
// the end.
//
// No write waits for the disk or for a standby: each statement turns
// synchronous_commit off for its own transaction. A refresh writes twice, and the
// waits would take most of its time. A restart keeps the rows. A crash of the server
// loses those of the last moment, at most three times wal_writer_delay (together less
// than a second by default). It leaves the rest consistent. The effects are those of
// an outage in that moment:
//
//   - Another instance may refresh the token of a lost row again, which upstream may
//     refuse. The session.Manager keeps the cookies at that first refusal. A user whose
//     browser has not got the new cookies has to sign in.
//   - The instances that were connected have received a lost logout as a message, and
//     upstream has it, too. An instance that starts after the crash accepts its JWT until
//     that expires, and a refresh that was in flight may outlive the logout.
//
// # Failover
//
// Name all hosts in the URL, with target_session_attrs=read-write, or a name that
// follows the primary. A failover loses the writes that the standby has not received,
// also with a synchronous standby, with the effects of a crash. The versions of rows
// are random, so a lost write is never taken for a later one.
//
// The database's clock decides about expiry. Keep the clocks of its machines within a
// second.
package postgres
