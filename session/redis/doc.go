// Package redis lets the instances of a fleet share refreshes and logouts through
// a store that speaks the Redis protocol: Redis 6.2 or later, or Valkey. The store
// is trusted with nothing but availability.
//
//	fleet, err := redis.New(redis.Config{URL: session.NewSecret("rediss://…"), Secret: session.NewSecret(…)})
//	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: fleet})
//
// # What it does
//
// Upstream accepts each refresh token once. When requests of one browser reach
// several instances with the same expired session, one instance asks upstream, and
// all get the same new session. Requests that come with the old token up to 10 s
// later get it, too.
//
// A logout counts in all instances: its tokens are refused, its JWTs are denied,
// and a refresh that is in flight elsewhere revokes its result.
//
// # What to configure
//
// [Config.URL] and [Config.Secret] are required. All instances of a deployment
// have the same Secret, of 32 random bytes or more.
//
// Give the store the policy noeviction: a store that evicts keys loses locks. An
// ACL must allow the keys and channels crossmint:*, and scripts with the commands
// in them. A cluster, sentinels and TLS work; see [Config]. The store needs no
// persistence.
//
// # When the store is down
//
// Requests with a valid JWT never use the store, and notice nothing. A refresh
// waits for one operation of the store, 250 ms at most. Then each instance
// refreshes solo; for the first 3 s of an outage it has to wait before that. No
// cookie is deleted: a refusal by upstream is uncertain then
// (session.UpstreamError.Uncertain: 401, cookies kept), because another instance
// may have the new session. When the store is back, the instances commit the
// results that it missed.
//
// A logout during an outage ends the session in its own process and at upstream.
// The other instances learn of its JWTs when the store is back.
//
// The events event.StoreDegraded and event.StoreRecovered report outages. While
// upstream tolerates no reuse of a token, an instance that dies in the middle of a
// refresh costs that user the session.
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
package redis
