// Package crossmint is a client of Crossmint's auth API. It checks API keys,
// verifies JWTs, refreshes and revokes sessions, looks up users, and signs users
// in.
//
// A [Client] is the [session.Upstream] of a [session.Manager]. Most programs
// pass it to session.NewManager and do not call it themselves. This package is
// not affiliated with Crossmint.
//
// A failed call is classified once, as an [*session.UpstreamError] of one of
// three kinds: session.ErrRefused (upstream definitely rejects the token),
// session.ErrMalformed (an unexpected response) or session.ErrUnavailable (no
// response, or one that tells nothing about the token). Only the first may end a
// session.
package crossmint
