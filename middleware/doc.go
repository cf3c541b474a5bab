// Package middleware puts sessions in front of handlers.
//
// [RequireSession] lets only requests with a session pass, [OptionalSession]
// lets all requests pass, and [Session] does the same work in a call. All three
// renew an expired session without the browser's noticing. [RequireClaim], behind
// RequireSession, checks a role or another claim.
//
// The new cookies are set before the handler runs, so the ResponseWriter is not
// wrapped, and Flush, Hijack and http.ResponseController work as always. A handler
// that sets cookies of its own must add to Set-Cookie, as http.SetCookie does,
// and never replace it; otherwise the renewed session is lost.
package middleware
