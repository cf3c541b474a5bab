package otelsession

import (
	"context"
	"errors"
	"strconv"

	"go.opentelemetry.io/otel/attribute"

	"github.com/crossmint-go/auth/session"
)

// The attributes that this package defines. Dashboards may rely on their names.
const (
	outcomeKey     = attribute.Key("crossmint.outcome")
	operationKey   = attribute.Key("crossmint.operation")
	sharedKey      = attribute.Key("crossmint.shared")
	statusClassKey = attribute.Key("crossmint.upstream.status_class")
	resultKey      = attribute.Key("crossmint.upstream.result")
)

// The results of a call to upstream.
const (
	resultOK          = "ok"
	resultRefused     = "refused"
	resultMalformed   = "malformed"
	resultUnavailable = "unavailable" // a response without a decision, for example 503
	resultNotSent     = "not_sent"
	resultIncomplete  = "incomplete" // the response was cut off
	resultTimedOut    = "timed_out"
	resultPanicked    = "panicked"
	resultOther       = "other"
)

// resultOf returns the result of an upstream call. It leaves out the text of the
// error: the text of another Upstream may hold anything.
func resultOf(err error) string {
	var up *session.UpstreamError
	switch {
	case err == nil:
		return resultOK
	case !errors.As(err, &up):
		return resultOther
	case errors.Is(up.Kind, session.ErrRefused):
		return resultRefused
	case errors.Is(up.Kind, session.ErrMalformed):
		return resultMalformed
	case up.NotSent:
		return resultNotSent
	case up.Incomplete:
		return resultIncomplete
	case up.Status == 0 && (errors.Is(up.Err, context.DeadlineExceeded) || errors.Is(up.Err, context.Canceled)):
		return resultTimedOut
	default:
		return resultUnavailable
	}
}

// isFailure reports whether a result is an error. A refusal is none: sessions end
// with it.
func isFailure(result string) bool { return result != resultOK && result != resultRefused }

// statusClass returns the class of an HTTP status, for example "5xx" for 503, and
// "other" for a number that is no status.
func statusClass(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return strconv.Itoa(status/100) + "xx"
}
