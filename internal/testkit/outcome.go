package testkit

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/session"
)

// The outcomes of session.Manager.Authenticate and Refresh, as [Outcome] names
// them.
const (
	OK          = "ok"
	Rejected    = "401"         // the cookies are kept
	Refused     = "401 refused" // likewise, with a marker
	SignedOut   = "401 clear"   // the cookies are deleted
	AskAgain    = "ask again"   // the cookies are kept, with a marker
	Unavailable = "503"         // the cookies are kept
)

// Outcome names the outcome that an error of a session.Manager stands for.
func Outcome(err error) string {
	var rejected *session.AuthenticationError
	var upstream *session.UpstreamError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &rejected) && rejected.Clear:
		return SignedOut
	case rejected != nil && rejected.Refused:
		return Refused
	case rejected != nil:
		return Rejected
	case errors.As(err, &upstream) && upstream.AskAgain:
		return AskAgain
	case errors.Is(err, session.ErrUnavailable):
		return Unavailable
	}
	return "unknown error: " + err.Error()
}

// The results of session.Upstream.Verify, as [VerifyOutcome] names them.
const (
	Valid      = "valid"
	Expired    = "expired"
	NoDecision = "no decision" // the signing keys are unavailable
	KeyUnknown = "key unknown"
	LoggedOut  = "logged out"
	Invalid    = "invalid"
)

// VerifyOutcome names the result that an error of session.Upstream.Verify stands
// for.
func VerifyOutcome(err error) string {
	switch {
	case err == nil:
		return Valid
	case errors.Is(err, session.ErrUnavailable):
		return NoDecision
	case errors.Is(err, session.ErrJWTExpired):
		return Expired
	case errors.Is(err, session.ErrJWTKeyUnknown):
		return KeyUnknown
	case errors.Is(err, session.ErrLoggedOut):
		return LoggedOut
	case errors.Is(err, session.ErrJWTInvalid):
		return Invalid
	}
	return "unknown error: " + err.Error()
}

// ResponseOutcome names the outcome of a response: the status, the state of the
// cookies (kept, renewed or cleared), Retry-After where it is set, and "marked"
// where it sets the marker of a refusal. For example "200 renewed" or "503 kept
// retry 1 marked". A response that writes one half of
// a session makes the test fail, and so does one that a cache may store although
// it writes cookies or is an error.
func ResponseOutcome(t testing.TB, res *http.Response) string {
	t.Helper()
	states := map[string]string{} // by "jwt" and "refresh"
	marked := false
	for _, c := range res.Cookies() {
		var half string
		switch {
		case strings.HasSuffix(c.Name, "-refused"):
			marked = c.MaxAge > 0
			continue
		case strings.Contains(c.Name, "refresh-token"):
			half = "refresh"
		case strings.Contains(c.Name, "crossmint-session"), strings.Contains(c.Name, "crossmint-jwt"):
			half = "jwt"
		default:
			continue
		}
		if c.MaxAge >= 0 {
			states[half] = "renewed"
		} else if states[half] == "" { // a renewal deletes cookies of other names
			states[half] = "cleared"
		}
	}
	if states["jwt"] != states["refresh"] {
		t.Errorf("one half of a session was written: %v", states)
	}
	state := states["refresh"]
	if state == "" {
		state = "kept"
	}
	if state != "kept" || marked || res.StatusCode >= http.StatusBadRequest {
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control: %q, want no-store", got)
		}
	}
	outcome := fmt.Sprintf("%d %s", res.StatusCode, state)
	if after := res.Header.Get("Retry-After"); after != "" {
		outcome += " retry " + after
	}
	if marked {
		outcome += " marked"
	}
	return outcome
}
