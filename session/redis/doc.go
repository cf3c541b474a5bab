// Package redis lets the instances of a fleet share one refresh through a store
// that speaks the Redis protocol: Redis 6.2 or later, or Valkey. It trusts that
// store with nothing but availability.
//
//	fleet, err := redis.New(redis.Config{URL: session.NewSecret("rediss://…"), Secret: session.NewSecret(…)})
//	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: fleet})
//
// # The story of a refresh
//
// Ten requests of one browser reach ten instances with the same old token. In
// each, the Manager's own coordinator makes one flight of all that come there,
// and that flight comes here.
//
// It enters: one script looks for what is known of the token and, if there is
// nothing, takes the token's lock in the name of a random owner. The same step
// leaves the mark "asking": from now on upstream may have been asked. One
// flight leads. It renews the lock while it works, asks upstream, has the
// answer judged, and settles: one script records the result, removes the mark
// and the lock, and, if somebody waits, says the token's name on a channel. The
// nine others hear it, look again, and have the same grant.
//
// The store's view of one token, who writes and when it ends:
//
//	nothing ──enter──► locked, asking ──settle──► grant (10 s), rotated (1 h)
//	                    │     ▲           ├─────► kept (10 min), rotated (1 h)
//	  the lock runs out │     │ enter,    ├─────► refusal (30 s)
//	  (12 s, renewed    ▼     │ in doubt  └─────► nothing
//	   every 4 s)      asking (1 h)
//
//	any of them ──logout──► out (1 h)
//
// A settle that finds the mark of a logout records nothing, and its flight
// revokes what it got.
//
// A grant is found for the grace (10 s), counted from when it exists and never
// prolonged, and through a chain of up to 16 rotations the newest is given. A
// grant that cannot be judged is kept for ten minutes, and judged again, by any
// instance, before upstream is asked again; while the store cannot be told of
// it, by the instance that has it. After its grace it is still known
// for an hour that a token was rotated: refusing it clears no cookies then.
//
// The lock outlives one call to upstream as long as crossmint.Config.Timeout is
// at its default of 10 s or below: an owner who cannot reach the store any more
// has had the answer to that call when another begins. It does not outlive a
// longer one, nor the second try of a call that was cut off. Upstream may then
// be asked twice at once; the refusal that one of them gets is doubtful.
//
// # Where an instance can die
//
//   - Before enter: nothing is left.
//   - After enter, before upstream has acted: the lock and the mark. When the
//     lock has run out, exactly one instance asks again, with an event
//     (session.StoreDoubted), and upstream takes the token.
//   - After upstream has acted, before settle: the same, but upstream has used
//     the token up. Where it forgives reuse for a while, nobody notices. Where
//     it does not, it refuses; the refusal is doubtful, and no cookie is
//     cleared for it. That user has to sign in again.
//   - After settle: nothing is missing.
//
// # When the store fails
//
// An operation gets 250 ms and is never tried twice. After a failure the store
// is left alone for a growing, jittered time of up to 5 s, and then one
// operation tries it. Meanwhile each instance refreshes for itself, which in the
// first 3 s has to wait. Requests with a valid JWT never come here.
//
// Whoever has seen another instance at work does not ask upstream when the
// store goes away: that would look like a theft. It waits for the store, until
// its callers have lost their patience.
//
// What was got without the store is recorded once it is back, for what is left
// of its grace. That also releases a lock that a store which hung takes for its
// owner when it wakes up.
//
// An instance that a Manager has says each second that it is there, unless it
// works without the store or has something that it could not tell yet; so the
// others know who may be refreshing alone. Who has said so refreshes alone no
// earlier than 3 s after the last time: others have missed it by then (2.5 s).
// One that is silent is missed for ten minutes, one that was killed as well: for
// so long all refusals of the fleet are doubtful, and cookies are kept that
// could go. One that is closed and has told everything is not missed.
//
// A refusal is doubtful (session.UpstreamError.Doubtful: 401, cookies kept) if
// it was learnt without the store; within a minute of any trouble with it, a
// lost connection included; while another instance is missed; within the first
// minute of the memory of one of its 256 parts, which is how a flushed or
// replaced store shows; after an instance has died over the token, or a value
// was found that is none; and when the lock was lost meanwhile.
//
// What this cannot see is an instance that starts after a failover that lost
// writes; and who refreshes alone and is not known to be there: an instance that
// has never reached the store, one that is silent for longer than ten minutes
// (also by a clock of the store's that is set forward), or one that was cut off
// when the store was flushed. Give the store the policy noeviction: one that
// evicts keys at will drops locks.
//
// # Operations
//
// All are scripts of one round trip, and besides them there is one SUBSCRIBE
// per instance, from the start on.
//
//   - Who leads: enter and settle, 2; and a renewal every 4 s, which a usual
//     answer of upstream's never meets.
//   - Who waits: enter and, when it is told, enter again, 2; and a look after
//     250 ms or more, at growing distances, since a notification can be lost.
//   - Who comes later with the old token: enter, and one look at what follows
//     the successor, 2; one more for each further rotation.
//   - Who leads to a refusal: enter, settle, and between them a look for those
//     who are missed, 3.
//   - Each instance: 1 each second, to say that it is there, another one first
//     if the last has failed, and 1 when it is closed.
//   - Logout: 1, and one for each that follows; 1 for each JWT that is denied.
//   - Who starts, or has lost its connection: 1 for every 512 JWTs that are
//     denied.
//
// Fewer would lose something: without enter there is no lock and no doubt,
// without settle no result. A message is sent only where somebody waits.
//
// A script works on the record of one token, its value, and the memory of its
// part, which share a hash tag, so that a cluster has them in one slot; or on
// the denied JWTs, or the instances, which are one key each. Times are the
// store's own. An ACL must allow the keys and channels crossmint:*, and scripts
// with the commands in them.
//
// # What the store can tell, and do
//
// A token's name is an HMAC-SHA256 under a key that is derived (HKDF) from the
// deployment's secret. A value is sealed with AES-256-GCM under a key that is
// derived from the old refresh token itself and that secret, and bound to its
// name, kind, version and expiry. A denial is the SHA-256 of a JWT's signed
// part, sealed in the same way under a key of the secret alone. A message is a
// name or a sealed denial.
//
// Who holds a dump learns how many sessions were refreshed and when, the size
// of a user's data, how many users have logged out and when their JWTs expire,
// and how many instances there are. With the secret he can tell whether a token
// or JWT that he already has is among them. He reads a value only with the
// secret and the old token of that very value, which upstream will not take
// again.
//
// Who can write to the store cannot make a grant or a refusal: what does not
// open is a miss, and leaves a doubt. He can play an old value back to who
// brings its old token, until the expiry inside has passed (by the clocks of
// the fleet, which may be 30 s apart). He can deny service: hold locks, so
// that refreshes time out, hand one lock to two, forget results or mark
// tokens as logged out. That costs 401 and 503 with the cookies kept, and,
// where upstream does not forgive reuse, sign-ins. He can remove the mark of a
// logout that meets a refresh in flight, and doubts (who is missed included), so
// that a refusal which upstream really gave clears cookies. He can deny no JWT, and can keep
// instances from learning of those that are denied.
//
// # Denied JWTs
//
// A logout denies the JWT in all instances: it is said on a channel, which each
// instance listens to from when its Manager was made, and stays in the store
// until the JWT expires, for a week at most. Who starts, or has been away,
// reads all that is there: 65,536 at most, beyond which those that expire
// first are forgotten. While the store is away a logout denies the JWT where it
// was handled, and is told as soon as the store is back; session.StoreDoubted
// says so. Requests do not notice: a JWT is compared with what was learnt in
// the memory of the process.
//
// # What it does not do
//
// Until an instance has heard of a logout, it accepts the JWT: for some
// milliseconds, and for as long as it cannot reach the store. A store that was
// flushed has no denials for those who start later. A JWT that was logged out
// while its key was unknown is denied in one process only, since it may be
// made up. What was opened with the session (session.Manager.SessionContext)
// ends at once in the process that handled the logout, and elsewhere with the
// JWT.
//
// It assumes the Manager's coordinator in front of it: with the store away,
// that is what keeps one instance from refreshing a token twice.
package redis
