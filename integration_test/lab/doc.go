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
// The oracle counts two faults that must not happen:
//
//   - A wrongful logout: nobody asked for it, and the handler cleared the
//     cookies or had upstream revoke the session, although the newest refresh
//     token that had been delivered in full, to the handler or to the browser,
//     would have been accepted at that moment.
//   - A wrongful entry: the handler let somebody in as a user whom the tokens
//     presented do not stand for.
package lab
