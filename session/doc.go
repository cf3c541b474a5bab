// Package session decides whether a request has a session. It is the domain of
// this module: the packages that handle requests import it, and it imports
// neither net/http nor a JOSE library.
//
// # One request
//
// A cookie codec reads [Material] from the request, and the [Manager]
// authenticates it. A middleware stores a renewed session with the browser and
// puts the [AuthSession] into the context, where handlers find it with
// [FromContext]; [Claims] decodes its claims.
//
// [Manager.Authenticate] first verifies the JWT, with one of three results. If
// the JWT is valid and not logged out, the request passes, whatever else fails.
// If the signing keys cannot be reached, there is no decision: the error is
// [ErrUnavailable], and no cookie is deleted. If the JWT is invalid or expired,
// the refresh token goes to the [Coordinator]. There all callers with the same
// token share one call to upstream, which goes on when one of them leaves. Its
// result is verified, cached for a short grace period and given to all.
//
// A session ends for one of four reasons only: upstream has definitely refused
// its refresh token twice, with more than an hour in between; its user has logged
// out; a new sign-in in the same browser has replaced it ([Manager.SignIn]); or the
// application has ended all sessions of the user ([Manager.LogoutUser]).
// Until the second refusal the browser keeps its cookies, because another process
// may have refreshed the session. Every failure that is no refusal is
// [ErrUnavailable]. Every outcome is reported as an event.
//
// # Where to look
//
//	authenticate.go       which pair of tokens counts; the outcome of a request
//	refresh.go            when a session is renewed; Refresh and its retries after
//	                      an overload; SignIn
//	refusal.go            when a browser is asked to come back after a refusal,
//	                      and when a refusal deletes the cookies
//	local_coordinator.go  how callers share one refresh, and what is cached
//	upstream_calls.go     how upstream is called, and called again after a lost
//	                      connection
//	limiters.go           how many calls forged tokens can cause (sign-ins are
//	                      limited in package handlers)
//	token_backoff.go      which tokens upstream is not asked about for a while
//	logout.go             how a session ends
//	deny_list.go          which JWTs are denied
//	connections.go        which open connections a logout closes
//	revocations.go        where a logout that upstream has not received is sent
//	                      again
//	api_key_monitor.go    when the API key is suspect
//	claims.go             how claims are decoded
//
// # For implementers
//
// Applications need [Config], [NewManager], [Manager], [AuthSession] and
// [FromContext]. [Material], [Result], [Renewal] and [Manager.Resume] are for
// middleware, [Upstream] and [Token] for other clients of Crossmint's API, and
// [Coordinator], [UpstreamCalls], [Shared] and [DenyListBroadcaster] for stores of a
// fleet.
//
// A middleware calls [Result.Check] when the response header is about to be
// written: after a logout or a later session the response must neither set nor
// delete cookies. For a Result with a Renewal it then calls [Renewal.Delivered].
// Without that call the old refresh token gets the same session for an hour.
package session
