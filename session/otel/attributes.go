package otelsession

import (
	"errors"
	"strconv"

	"go.opentelemetry.io/otel/attribute"

	"github.com/crossmint-go/auth/session"
)

// The attributes that are our own. Dashboards may rely on their names.
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
	resultUnavailable = "unavailable" // an answer that says nothing
	resultNotSent     = "not_sent"
	resultCutOff      = "cut_off"
	resultTimedOut    = "timed_out"
	resultPanicked    = "panicked"
	resultOther       = "other"
)

// resultOf names the ending of a call to upstream. The error's text is no part of
// it: that of an Upstream which is not ours may hold anything.
func resultOf(err error) string {
	var up *session.UpstreamError
	switch {
	case err == nil:
		return resultOK
	case !errors.As(err, &up):
		return resultOther
	case up.Kind == session.Refused:
		return resultRefused
	case up.Kind == session.Malformed:
		return resultMalformed
	}
	switch up.Delivery {
	case session.NotSent:
		return resultNotSent
	case session.CutOff:
		return resultCutOff
	case session.TimedOut:
		return resultTimedOut
	default:
		return resultUnavailable
	}
}

// failure reports whether a result is a fault of somebody's. A refusal is none:
// it is how sessions end.
func failure(result string) bool { return result != resultOK && result != resultRefused }

// statusClass returns "5xx" for 503. A status is upstream's word, and need not
// be one.
func statusClass(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return strconv.Itoa(status/100) + "xx"
}
