// Package lab is a fault laboratory for session middleware. It runs a handler
// between many browsers and an upstream with faults of all kinds, of the network and
// of upstream itself. A model that knows the live refresh tokens checks all
// sessions.
//
// The laboratory uses HTTP, so it can test any implementation. The handler serves
// GET /me (the user ID, for requests with a session), POST /refresh and POST /logout,
// with the documented cookies.
//
// [Run] takes hours of its clock. Call it in a testing/synctest bubble, where they
// pass in seconds. The seed repeats a run. The scheduler orders goroutines that run
// at the same time, so counts may differ a little.
//
// The oracle counts two faults that must not happen:
//
//   - A wrongful logout: the user has not logged out, and the handler
//     cleared the cookies or revoked the session, although upstream would have
//     accepted the latest refresh token that was completely delivered to the handler
//     or to the browser.
//   - A wrong user: the handler accepted a request as a user that its tokens do not
//     belong to.
package lab
