// Package otelsession reports the sessions of package session to OpenTelemetry:
// as spans and as metrics, neither of which holds a secret.
//
// A [Telemetry] is plugged in at five places, each of use without the others:
//
//	telemetry, err := otelsession.New(otelsession.Config{})
//	client, err := crossmint.NewClient(crossmint.Config{
//		HTTPClient: &http.Client{Transport: telemetry.Transport(crossmint.NewTransport())},
//		…
//	})
//	sessions, err := session.NewManager(session.Config{
//		Upstream: telemetry.Upstream(client),
//		OnEvent:  telemetry.OnEvent,
//	})
//	registration, err := telemetry.Observe(sessions)
//	defer registration.Unregister()
//
// The fifth is for a fleet: its store's events (store_…) come from nowhere else.
//
//	fleet, err := redis.New(redis.Config{OnEvent: telemetry.OnEvent, …})
//
// # Spans
//
// The story of a request that brings an expired JWT, in its own trace:
//
//	GET /me                                the server's, if it traces
//	├── session authenticate               what the request waited for
//	└── crossmint refresh                  a refresh token is exchanged
//	    └── POST …/session/sdk/auth/refresh    what went over the wire
//
// "crossmint refresh" is there once for all the requests that share a refresh,
// in the trace of the one that started it, and may end after that one has
// gone. The others have a "session authenticate" with crossmint.shared; so have
// those that are given what is remembered of it. A second "crossmint refresh"
// beside the first is a second try.
//
// "session …" spans are made when their outcome is known, with the time at which
// they began; they are therefore beside the call that they waited for and not
// above it. Requests that need no refresh have none.
//
// The signing keys are fetched for everybody: "GET /.well-known/jwks.json" is
// the root of a trace of its own.
//
// # Metrics
//
//	crossmint.session.events             {event}    by outcome, operation, shared, status class
//	crossmint.session.duration           s          the same, where a time was measured
//	crossmint.upstream.duration          s          by operation (refresh, logout, keys) and result
//	crossmint.session.refreshes          {refresh}  in flight now
//	crossmint.session.waiting            {request}  waiting for them
//	crossmint.session.refusals_doubted   1          1 while refusals clear no cookies
//	crossmint.session.last_refresh.age   s          none before the first
//	crossmint.keys.age                   s          none before the first fetch
//
// The last five come from [session.Manager.Health], by [Telemetry.Observe].
//
// Attributes have few values: an [session.Outcome], an operation, the class of a
// status ("5xx"), and of a call its result: ok, refused, malformed, unavailable,
// not_sent, cut_off, timed_out, panicked or other.
//
// # What is never reported
//
// Tokens and their names, API keys, headers, bodies, URLs, and the text of
// errors. A user's ID is in no metric, and in spans only by
// [Config.DangerouslyRecordUserID]. No trace context and no baggage is sent to
// upstream.
package otelsession
