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
// # What it does
//
// Upstream accepts each refresh token once. When requests of one browser reach
// several instances with the same expired session, one instance asks upstream, and
// all get the same new session.
//
// A logout counts in all instances: its tokens are refused, its JWTs are denied,
// a refresh that is in flight elsewhere revokes its result, and a response that is
// on its way elsewhere sets no cookies.
//
// # When the store is down
//
// Requests with a valid JWT never use the store, and notice nothing. A refresh
// waits for one operation of the store, 1 s at most. After a failure each
// instance works alone, without that wait, and tries the store again after a
// growing time of up to 5 s. When the store is back, the instances commit the
// results that it missed. Where only a shard is down, only its tokens are concerned.
//
// While instances work alone, two of them may refresh the same token, and upstream
// refuses one of them. The session.Manager does not delete cookies at the first
// refusal, so that the browser comes back with the cookies of the other response.
//
// A logout during an outage ends the session in its own process and at upstream.
// The other instances learn of it when the store is back, up to 4,096 tokens and
// JWTs. Until then they may accept the session.
//
// An instance that dies in the middle of a refresh delays that user: after 12 s at
// most, another instance asks upstream. If upstream tolerates no reuse of the
// token, the user has to sign in again.
//
// # What the store learns
//
// The store gets names that only the deployment can compute, and sealed values. A
// grant is sealed under a key that is derived from the old refresh token and the
// Secret: neither a dump of the store nor the Secret opens it. A party that can
// write to the store cannot forge a session, a refusal or a denied JWT. It can deny
// service.
//
// # What it does not do
//
// Until an instance has received a logout, it accepts the JWT: for some
// milliseconds, or for as long as it cannot reach the store. Instances that start
// after the store was flushed do not learn of earlier logouts. A JWT that was
// logged out while its key was unknown is denied in one process only, because it
// may be forged. A connection that outlasts its request
// (session.Manager.SessionContext) ends at once in the process that handled the
// logout, and elsewhere with its JWT.
//
// A Coordinator needs the session.Manager in front of it. During an outage only
// the Manager keeps one process from refreshing a token twice.
//
// docs/store-protocol.md describes the protocol: the operations, the states of a
// token, and the failures that it survives.
package fleet
