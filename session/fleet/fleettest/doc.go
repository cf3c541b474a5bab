// Package fleettest tests stores and coordinators. Import it in tests only.
//
// The author of an adapter for a database runs [RunStore]. It tests the store by
// itself, and fleets of two instances over it, also with a store that fails.
// [RunStoreWithoutMessages] is for a database without messages. The author of another
// [session.Coordinator] runs [RunCoordinator].
//
// [Memory] is a store for the tests of programs that use a fleet, and [Faulty] one
// that fails.
package fleettest
