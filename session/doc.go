// Package session decides what becomes of a request's session. It is the
// domain of this module: everybody imports it, and it imports neither
// net/http nor a JOSE library.
//
// The story of one request: a cookie codec reads [Material] from it, the
// [Manager] authenticates the material, and a middleware stores what was
// renewed and puts the [AuthSession] into the context, where handlers find it
// with [FromContext].
//
// Inside [Manager.Authenticate] the JWT is verified, with one of three
// verdicts. Valid: the request passes, whatever else is broken. Cannot tell,
// since signing keys are out of reach: [ErrUnavailable], and nothing is
// cleared. Invalid or expired: the refresh token goes to the [Coordinator],
// where all who present the same token share one call to upstream. That call
// belongs to none of them; what it got is verified, remembered for a short
// grace and given to all.
//
// A session ends only for one reason: upstream has definitely refused its
// refresh token ([ErrRefused]), or its user has logged out. Whatever else goes
// wrong is [ErrUnavailable].
//
// Every outcome is an [Event].
package session
