// Package postgres lets the instances of a fleet share refreshes and logouts through
// PostgreSQL 12 or later. The database is trusted with nothing but availability.
//
//	fleet, err := postgres.New(postgres.Config{URL: session.NewSecret("postgres://…"), Secret: session.NewSecret(…)})
//	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: fleet})
//
// Package session/fleet describes what is shared, what happens while the database is
// down, and what it learns.
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
// docs/operations.md describes the table, poolers such as PgBouncer, outages and
// failover.
package postgres
