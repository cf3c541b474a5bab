// Package cookie reads and writes the cookies that hold a session. Only this package
// composes them; internal/delivery protects their Set-Cookie lines from handlers.
//
// Three sets of names are in use (see Config.Names, [Unscoped] and [Scoped]). A
// [Codec] reads all of them, and session.Manager chooses among the pairs. The
// Codec writes one: a renewed session goes back under the names from which its
// refresh token was read, so that no browser ends up with two sessions. A value that
// a browser would drop or change is an error; it is never cut.
package cookie
