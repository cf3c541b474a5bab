package session

import (
	"errors"
	"log/slog"
	"time"
)

// Outcome says what became of a request, or what happened beside one.
type Outcome string

// The outcomes. Each is stable: dashboards may rely on its text.
const (
	// Allowed: a valid JWT, nothing renewed. Reported only where
	// [Config.ReportAllowed] says so.
	Allowed Outcome = "allowed"
	// Refreshed: the session was renewed.
	Refreshed Outcome = "refreshed"
	// EarlyRefreshFailed: the JWT still holds, so the request was served.
	EarlyRefreshFailed Outcome = "early_refresh_failed"
	// Rejected: 401, cookies kept.
	Rejected Outcome = "rejected"
	// SignedOut: 401, cookies cleared: upstream refused the refresh token.
	SignedOut Outcome = "signed_out"
	// Undecided: 503, cookies kept: upstream or the keys are out of reach.
	Undecided Outcome = "undecided"
	// ServedStale: upstream is unavailable, and /refresh answered with the
	// JWT that the browser already has.
	ServedStale Outcome = "served_stale"
	// UserChanged: the refresh token belongs to another user than the
	// expired JWT beside it. Reported beside Refreshed.
	UserChanged Outcome = "user_changed"
	// LoggedOut: the user logged out, and upstream knows.
	LoggedOut Outcome = "logged_out"
	// LogoutFailed: the user logged out here, but upstream could not be told.
	LogoutFailed Outcome = "logout_failed"
	// Revoked: a refresh ended after a logout; what it brought was revoked.
	Revoked Outcome = "revoked"
	// RevokeFailed: as Revoked, but upstream could not be told.
	RevokeFailed Outcome = "revoke_failed"
	// APIKeyRejected: upstream answers 403: look at the API key.
	APIKeyRejected Outcome = "api_key_rejected"
	// RefusalsDoubted: so many users were refused, and none accepted, that
	// the API key is in doubt; cookies are kept until one is accepted.
	RefusalsDoubted Outcome = "refusals_doubted"
	// RefusalsTrusted: a refresh was accepted; the doubt is over.
	RefusalsTrusted Outcome = "refusals_trusted"
	// StoreDoubted: the store of a fleet was unavailable or left a doubt.
	StoreDoubted Outcome = "store_doubted"
	// StoreRecovered: the store of a fleet can be reached, or heard, again.
	StoreRecovered Outcome = "store_recovered"
	// Panicked: a hook or a refresh panicked and was contained.
	Panicked Outcome = "panicked"
)

// An Event reports one outcome. It holds no secrets: Token names a refresh
// token by eight hex digits of an HMAC whose key lives as long as the Manager.
type Event struct {
	Outcome Outcome
	// Op is what was asked for: "authenticate", "refresh" or "logout"; "store"
	// is for a renewed session that no cookie can hold, reported beside
	// Refreshed. "presence" is a fleet's, to stay in touch with its store.
	Op string
	// Err says why. Its text may hold claims of a false JWT, quoted.
	Err error
	// UserID is set where a correctly signed JWT or a grant names the user.
	UserID string
	// Token names the refresh token; empty without one.
	Token string
	// Shared reports that another request's refresh served this one.
	Shared bool
	// UpstreamStatus is the HTTP status of a failed upstream call, if any.
	UpstreamStatus int
	// Latency is how long the outcome took; 0 where nobody measured.
	Latency time.Duration
	// Repeated counts the events of the same kind that were held back since
	// the last one was reported, where repetitions are held back.
	Repeated int
}

// Level returns the level at which the default hook logs e.
func (e Event) Level() slog.Level {
	switch e.Outcome {
	case Undecided, EarlyRefreshFailed, ServedStale, UserChanged, LogoutFailed, RevokeFailed, StoreDoubted:
		return slog.LevelWarn
	case APIKeyRejected, RefusalsDoubted, Panicked:
		return slog.LevelError
	case Allowed:
		return slog.LevelDebug
	case Rejected:
		// Visitors who never signed in are no news; a false JWT is.
		if errors.Is(e.Err, ErrNoMaterial) {
			return slog.LevelDebug
		}
		return slog.LevelInfo
	default:
		return slog.LevelInfo
	}
}

// LogValue implements slog.LogValuer. Text that came from outside is quoted
// by the handlers of log/slog.
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
