// Package fleetlab tests a fleet under faults: several instances of this module
// behind a round-robin load balancer, which share their refreshes through one
// store. Instances are killed at any moment, also between the response of upstream
// and its first use. The store is restarted empty, and frozen.
//
// Real sockets do not work in a bubble of testing/synctest, so there are two kinds
// of tests:
//
//   - Tests with a simulated clock run hours in seconds. The store is a miniredis, a
//     nats-server in the bubble, or a PostgreSQL whose clock is that of the bubble.
//     It is behind net.Pipe, and faults of the store are faults of the pipes. A
//     restart loses the data of all of them.
//   - Tests in real time run for some seconds. The store is a process of its own,
//     which signals kill, restart and stop. PostgreSQL and NATS keep their data.
//
// Both apply the rules of package lab: the fleet must not log a user out whose
// latest refresh token is live, and must not accept a request without a session.
// TestLife adds all that package lab does with lab.Config.Life.
//
// The flag -fleet.store chooses databases. With few requests, those after the first
// run some scenarios only, unless -fleet.all is set.
//
// The package is a module of its own, so that users of the adapters do not depend on
// the modules of its tests.
package fleetlab
