// Package fleet lets the instances of a fleet share refreshes and logouts through a
// store: a database that keeps small records with a version and a TTL. It is the
// protocol of all stores. A [Store] connects it with one database; package
// session/redis is such an adapter.
//
// To write another adapter, implement [Store] and run fleettest.RunStore. An
// application then gives a [Coordinator] to the session.Manager:
//
//	coordinator, err := fleet.New(fleet.Config{Store: store, Secret: session.NewSecret(…)})
//	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: coordinator})
//
// docs/store-protocol.md describes the protocol: the operations, the states of a
// token, and the failures that it survives.
package fleet
