// Package event says what a session manager and its helpers report: one
// [Event] for each outcome of a request, and for each thing that happens beside
// a request.
package event

import (
	"log/slog"
	"time"
)

// Outcome names the end of a request, or a thing that happened beside one.
type Outcome string

// The outcomes. Their strings are stable: dashboards may rely on them.
const (
	// Allowed: the JWT is valid, nothing was renewed. It is reported only
	// where session.Config.ReportAllowed asks for it.
	Allowed Outcome = "allowed"
	// Refreshed: the session was renewed.
	Refreshed Outcome = "refreshed"
	// SignedIn: a one-time secret, or another token that no cookie of the request
	// belongs to, was exchanged for a session.
	SignedIn Outcome = "signed_in"
	// SignInFailed: a sign-in has failed; the browser keeps its cookies. UserError
	// tells wrong codes and invalid forms from failures of upstream.
	SignInFailed Outcome = "sign_in_failed"
	// CodeSent: upstream has sent a code to an e-mail address.
	CodeSent Outcome = "code_sent"
	// CodeNotSent: no code was sent, or upstream rejects the address.
	CodeNotSent Outcome = "code_not_sent"
	// EarlyRefreshFailed: the JWT is still valid, so the request was served.
	EarlyRefreshFailed Outcome = "early_refresh_failed"
	// Rejected: 401, cookies kept. Also a request that an endpoint rejects before
	// it looks at tokens, for example one of another origin; Err has the status.
	Rejected Outcome = "rejected"
	// AskedAgain: upstream has refused the refresh token for the first time, or the
	// request came in TLS early data and needs a refresh. The browser was asked to
	// send the request again with its present cookies.
	AskedAgain Outcome = "asked_again"
	// SignedOut: 401, cookies cleared: upstream refused the refresh token twice,
	// with more than an hour in between.
	SignedOut Outcome = "signed_out"
	// Unavailable: 503, cookies kept: upstream or the signing keys cannot be
	// reached.
	Unavailable Outcome = "unavailable"
	// Abandoned: the client disconnected before there was a decision.
	Abandoned Outcome = "abandoned"
	// ServedStale: upstream is unavailable, and /refresh responded with the JWT
	// that the browser already has.
	ServedStale Outcome = "served_stale"
	// NotDelivered: the response with the renewed session did not reach the
	// browser, or may not have: proxies may replace error pages and 304. The next
	// request with the old refresh token gets the session.
	NotDelivered Outcome = "not_delivered"
	// UndeliveredDropped: too many sessions wait for their delivery; the oldest
	// were dropped.
	UndeliveredDropped Outcome = "undelivered_dropped"
	// UserChanged: the refresh token belongs to another user than the
	// expired JWT beside it. It is reported beside Refreshed.
	UserChanged Outcome = "user_changed"
	// LoggedOut: the user logged out, here and at upstream.
	LoggedOut Outcome = "logged_out"
	// LogoutRejected: the user logged out here, and upstream rejected the token
	// with UpstreamStatus. Usually its session had ended before.
	LogoutRejected Outcome = "logout_rejected"
	// LogoutFailed: the user logged out here, but upstream could not be told. If the
	// user's JWT is correctly signed, upstream is told later: see Revoked.
	LogoutFailed Outcome = "logout_failed"
	// LogoutNotShared: the user logged out here and at upstream, but the store
	// of a fleet could not be told yet. Until it is back, the other instances
	// may accept the session.
	LogoutNotShared Outcome = "logout_not_shared"
	// Revoked: a token was revoked after its user's logout: the new token of a
	// refresh that ended later, or one after LogoutFailed.
	Revoked Outcome = "revoked"
	// RevokeFailed: as Revoked, but upstream could not be told. The event comes again
	// when that is given up after an hour.
	RevokeFailed Outcome = "revoke_failed"
	// APIKeyRejected: upstream rejects the API key. It is reported beside the
	// outcome of the request.
	APIKeyRejected Outcome = "api_key_rejected"
	// RejectionsSuspended: upstream rejected many users and accepted none, so
	// the API key is suspect. Cookies are kept until upstream accepts a refresh.
	// It is reported for each rejection in that time.
	RejectionsSuspended Outcome = "rejections_suspended"
	// RejectionsResumed: upstream accepted a refresh; rejections count again.
	RejectionsResumed Outcome = "rejections_resumed"
	// StoreDegraded: the store of a fleet is unavailable. Each instance reports
	// the beginning of an outage.
	StoreDegraded Outcome = "store_degraded"
	// StoreRecovered: the store of a fleet can be reached again.
	StoreRecovered Outcome = "store_recovered"
	// Misconfigured: a mistake in the program's setup can lose sessions or refuse
	// users; Err names it and its remedy. Each middleware and handler reports each
	// mistake once; with the Op "store" it is reported for each lost response.
	Misconfigured Outcome = "misconfigured"
	// Panicked: a refresh or a logout panicked, and the panic was recovered. A
	// panic of a hook goes to the logger only.
	Panicked Outcome = "panicked"
)

// An Event reports one outcome. It holds no secrets.
type Event struct {
	Outcome Outcome
	// Op is the operation: "authenticate", "refresh", "send_code", "sign_in" or
	// "logout".
	// "store" is the delivery of a renewed session to the browser, reported
	// beside Refreshed: NotDelivered, Misconfigured, or Unavailable if the
	// session does not fit into a cookie.
	Op string
	// Err is the reason. It may quote claims of an invalid JWT.
	Err error
	// Anonymous reports that the request brought no token at all.
	Anonymous bool
	// UserError reports that a sign-in failed because of the user's input: a wrong
	// code, an invalid address, or a form that no page has sent.
	UserError bool
	// UserID is set where a correctly signed JWT or a grant names the user.
	UserID string
	// Token identifies the refresh token by eight hex digits of an HMAC,
	// whose key lives as long as the manager. It is empty without a token.
	Token string
	// Shared reports that the refresh of another request served this one.
	Shared bool
	// UpstreamStatus is the HTTP status of a failed upstream call, or 0.
	UpstreamStatus int
	// Latency is the duration of the operation, or 0 where it was not measured.
	Latency time.Duration
	// Repeated counts the events of the same kind that [Log] has suppressed
	// since the last one that it wrote.
	Repeated int
}

// Level returns the level at which [Log] writes e.
func (e Event) Level() slog.Level {
	switch e.Outcome {
	case Unavailable, EarlyRefreshFailed, ServedStale, UserChanged, LogoutFailed, LogoutNotShared, RevokeFailed, StoreDegraded, UndeliveredDropped, Misconfigured:
		return slog.LevelWarn
	case APIKeyRejected, RejectionsSuspended, Panicked:
		return slog.LevelError
	case Allowed, Abandoned:
		return slog.LevelDebug
	case SignInFailed, CodeNotSent:
		if e.UserError {
			return slog.LevelInfo
		}
		return slog.LevelWarn
	case Rejected:
		if e.Anonymous { // no cookie of a session: never signed in
			return slog.LevelDebug
		}
		return slog.LevelInfo
	default:
		return slog.LevelInfo
	}
}

// LogValue implements slog.LogValuer. The handlers of log/slog quote text that
// came from outside.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("outcome", string(e.Outcome)), slog.String("op", e.Op)}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("user", e.UserID)
	add("token", e.Token)
	if e.Err != nil {
		add("error", e.Err.Error())
	}
	if e.UpstreamStatus != 0 {
		attrs = append(attrs, slog.Int("upstream_status", e.UpstreamStatus))
	}
	if e.Latency != 0 {
		attrs = append(attrs, slog.Duration("latency", e.Latency))
	}
	if e.Shared {
		attrs = append(attrs, slog.Bool("shared", true))
	}
	if e.Repeated > 0 {
		attrs = append(attrs, slog.Int("repeated", e.Repeated))
	}
	return slog.GroupValue(attrs...)
}
