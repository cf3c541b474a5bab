// Package redis lets the instances of a fleet share refreshes and logouts through
// a store that speaks the Redis protocol: Redis 6.2 or later, or Valkey. The store
// is trusted with nothing but availability.
//
//	fleet, err := redis.New(redis.Config{URL: session.NewSecret("rediss://…"), Secret: session.NewSecret(…)})
//	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: fleet})
//
// Package session/fleet describes what is shared, what happens while the store is
// down, and what the store learns.
//
// # What to configure
//
// [Config.URL] and [Config.Secret] are required. All instances of a deployment
// have the same Secret, of 32 random bytes or more.
//
// Give the store the policy noeviction: a store that evicts keys loses locks and
// logouts. A cluster, sentinels, TLS and stores without RESP3 work; see [Config]. The
// store needs no persistence. An ACL must allow the keys and channels crossmint:* and
//
//	-@all +@read +@write +@scripting +@pubsub +@connection +time
//
// and in a cluster +cluster|slots and, for Redis 8, +cluster|shards.
//
// After an error that another connection may not have (READONLY, NOAUTH, WRONGPASS,
// MASTERDOWN), and after three failures and 5 s without a success, the connection is
// replaced. The new one asks [Config.Credentials] and looks the host up again.
package redis
