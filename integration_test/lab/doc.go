// Package lab is a fault laboratory for session middleware. It puts a handler
// between a crowd of browsers and an upstream that fails in every way that the
// network and the upstream itself allow, and holds what becomes of the
// sessions against a model that knows which refresh tokens are live.
//
// It speaks HTTP to the handler, so that any implementation can be put under
// it. The handler serves GET /me (the user's ID, for requests with a session),
// POST /refresh and POST /logout, with the documented cookies.
//
// [Run] needs hours of its clock's time: call it in a testing/synctest bubble,
// where they pass in seconds. A run is repeated by its seed; what goroutines do
// in the same instant is up to the scheduler, so counts may differ a little.
//
// With [Config.Life] the handler also protects the pages of an application, and
// is a [Site]: its pages take up to a minute, fail, upgrade and sit behind other
// layers; its users leave early, sign out and sign in as another user in the
// middle of a page, and have cookies of an earlier release or of another project.
//
// The oracle counts outcomes that must not happen. Report defines them at its
// fields, the crimes: WrongfulLogouts, WrongfulEntries, MixedUp, Revived,
// LostOnTheWay, TurnedAway, Cacheable and Leaked. It counts apart those that no
// implementation can avoid, and NeedlessSignIns, which a fleet without a store
// cannot avoid wholly.
package lab
