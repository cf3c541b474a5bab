// Package middleware puts sessions in front of handlers.
//
// [RequireSession] lets only requests with a session pass, [OptionalSession]
// lets all requests pass, and [Session] does the same work in a call. All three
// renew an expired session invisibly to the browser. [RequireClaim], behind
// RequireSession, checks a role or another claim. [ForwardAuth] is for proxies in
// front of other applications.
//
// # Delivery
//
// The cookies of a renewed session leave with the response header. Only for such
// a response the handler gets a ResponseWriter that puts the cookies, Vary and
// Cache-Control: no-store into the header when it is written, whatever the handler
// or a proxy did to it meanwhile. It has the same optional interfaces as the server's,
// and works with http.ResponseController. Other responses are not wrapped.
//
// Until the cookies have left, every request with the old refresh token gets the
// same new session. So a slow handler, a panic or a lost response does not sign the
// user out. A logout or a sign-in that comes meanwhile wins: then the cookies do not
// leave. If they are in the server's buffer already, the response is cut off
// ([http.ErrAbortHandler]).
//
// [Session] is the exception. Its caller writes the response, so nothing of this
// section applies to it; see there. With [ForwardAuth] a proxy writes the response
// to the browser, so its cookies never count as delivered.
//
// A handler that sets cookies with the same names itself replaces the renewed
// session.
package middleware
