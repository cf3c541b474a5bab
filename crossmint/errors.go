package crossmint

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/session"
)

var (
	errTransport  = errors.New("connection failed, or what came is not HTTP")
	errOversize   = errors.New("answer is too long")
	errNotJSON    = errors.New("answer is not a JSON object")
	errIncomplete = errors.New("answer lacks a member, or one has a wrong type")
)

// Bounds of what upstream may ask for with Retry-After.
const (
	minRetryAfter = 1 * time.Second
	maxRetryAfter = 60 * time.Second
)

// classify is the one place that says what the ending of a call means; nil
// is a 2xx answer. The error holds no text of upstream's, which may repeat a
// secret or bring mark-up into a log.
//
//	no complete answer                          unavailable
//	an oversize answer                          malformed
//	400, 401, 404, 410, 422 with a JSON object  refused
//	the same without: some proxy's              unavailable
//	everything else: 3xx, 403, 408, 429, 5xx …  unavailable
func classify(a answer, err error, delivery session.Delivery) *session.UpstreamError {
	failure := &session.UpstreamError{
		Kind: session.Unavailable, Delivery: delivery, Status: a.status, RetryAfter: retryAfter(a.retryAfter), Err: err,
	}
	switch {
	case errors.Is(err, errOversize):
		failure.Kind = session.Malformed
	case err != nil:
	case a.status >= 200 && a.status <= 299:
		return nil
	default:
		switch a.status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity:
			if isObject(a.body) {
				failure.Kind = session.Refused
			} else {
				failure.Err = errNotJSON
			}
		}
	}
	return failure
}

// malformed reports a 2xx answer that is none.
func malformed(op string, err error) *session.UpstreamError {
	return &session.UpstreamError{Kind: session.Malformed, Delivery: session.Answered, Op: op, Status: http.StatusOK, Err: err}
}

func isObject(body []byte) bool {
	return strictjson.Object(body, func([]byte, strictjson.Value) error { return nil }) == nil
}

// retryAfter reads the header of RFC 9110 §10.2.3, clamped; 0 without one.
func retryAfter(header string) time.Duration {
	if header == "" {
		return 0
	}
	var wish time.Duration
	// Out of its range ParseInt returns the nearest number of the range.
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		wish = time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		wish = time.Until(date)
	} else {
		return 0
	}
	return min(max(wish, minRetryAfter), maxRetryAfter)
}
