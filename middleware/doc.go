// Package middleware puts sessions in front of handlers.
//
// [RequireSession] lets only requests with a session pass, [OptionalSession]
// lets all pass, and [Session] does the same work in a call. All three renew a
// session whose JWT has expired without the browser's noticing: the new
// cookies are set before the handler runs, so no ResponseWriter is wrapped and
// Flush, Hijack and http.ResponseController work as ever. A handler that sets
// cookies of its own must add to Set-Cookie, as http.SetCookie does, and never
// replace it, or the renewed session is lost.
package middleware
