// Package crossmint is the client of Crossmint's auth API: it checks API keys,
// verifies JWTs, refreshes and revokes sessions, and looks users up.
//
// A [Client] is the [session.Upstream] of a [session.Manager]; most programs
// hand it over and use it no further. It is not affiliated with Crossmint.
//
// Whatever goes wrong in a call is classified once, as an
// [*session.UpstreamError]: refused (a definite no), malformed (an answer that
// is none) or unavailable (no answer, or one that says nothing about the
// token). Only the first may end somebody's session.
package crossmint
