// Package otelsession reports the sessions of package session to OpenTelemetry, as
// spans and as metrics. Neither holds a secret.
//
// A [Telemetry] is used in five places. Each works without the others:
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
// The fifth is the store of a fleet, which alone reports the events store_…:
//
//	fleet, err := redis.New(redis.Config{OnEvent: telemetry.OnEvent, …})
//
// # Spans
//
// A request with an expired JWT has these spans in its trace:
//
//	GET /me                                    of the server, if it traces
//	├── session authenticate                   the time that the request waited
//	└── crossmint refresh                      the exchange of the refresh token
//	    └── POST …/session/sdk/auth/refresh    the HTTP request
//
// Requests that share a refresh have one "crossmint refresh", in the trace of the
// request that started it. It may end after that request. The other requests have
// a "session authenticate" with crossmint.shared, and so have requests that get a
// cached result. A second "crossmint refresh" beside the first is a retry.
//
// A "session …" span is made when its outcome is known, with the start time of the
// operation. Therefore it is a sibling of the call that it waited for, not its
// parent. Requests that need no refresh have none.
//
// The signing keys are fetched for all requests: "GET /.well-known/jwks.json" is
// the root of its own trace.
//
// # Metrics
//
//	crossmint.session.events                {event}    by outcome, operation, shared, status class
//	crossmint.session.duration              s          the same, where a duration was measured
//	crossmint.upstream.duration             s          by operation (refresh, logout, keys) and result
//	crossmint.session.refreshes             {refresh}  in flight now
//	crossmint.session.waiting               {request}  waiting for them
//	crossmint.session.rejections_suspended  1          1 while refusals delete no cookies
//	crossmint.session.last_refresh.age      s          absent before the first
//	crossmint.keys.age                      s          absent before the first fetch
//
// The last five come from [session.Manager.Health], with [Telemetry.Observe].
//
// Attributes have few values: an event.Outcome, an operation, the class of a status
// ("5xx"), and the result of a call: ok, refused, malformed, unavailable, not_sent,
// incomplete, timed_out, panicked or other.
//
// # What is never reported
//
// Tokens and their fingerprints, API keys, headers, bodies, URLs, and the text of
// errors. No metric has a user ID; spans have it only with
// [Config.DangerouslyRecordUserID]. Upstream gets no trace context and no baggage.
package otelsession
