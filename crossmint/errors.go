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
	// errInvalidArgument reports an argument that cannot be right. No call was
	// made.
	errInvalidArgument = errors.New("crossmint: invalid argument")

	errTransport  = errors.New("connection failed, or the response is not HTTP")
	errOversize   = errors.New("response is too long")
	errNotJSON    = errors.New("response is not a JSON object")
	errIncomplete = errors.New("response lacks a member, or one has a wrong type")
)

// Bounds of the delay that upstream may ask for with Retry-After.
const (
	minRetryAfter = 1 * time.Second
	maxRetryAfter = 60 * time.Second
)

// classify is the one place that decides how a call has failed. It returns nil
// for a 2xx response. The error holds no text from upstream, which may repeat a
// secret or bring markup into a log.
//
//	no complete response                   unavailable
//	an oversize response                   malformed
//	400, 401 with a JSON object            refused
//	404, 410, 422 with a JSON object       refused, uncertain
//	403 with a JSON object                 unavailable, the API key is rejected
//	the same without: from a proxy         unavailable
//	everything else: 3xx, 408, 429, 5xx …  unavailable
//
// Routers and gateways in front of upstream respond with 404, 410 and 422 too,
// for example because the base URL is wrong.
func classify(res response, err error) *session.UpstreamError {
	failure := &session.UpstreamError{
		Kind: session.ErrUnavailable, Status: res.status, RetryAfter: retryAfter(res.retryAfter), Err: err,
	}
	switch {
	case errors.Is(err, errOversize):
		failure.Kind = session.ErrMalformed
	case err != nil:
	case isSuccess(res.status):
		return nil
	default:
		classifyStatus(failure, res)
	}
	return failure
}

// classifyStatus classifies a complete response that is no success.
func classifyStatus(failure *session.UpstreamError, res response) {
	object := isObject(res.body)
	switch res.status {
	case http.StatusBadRequest, http.StatusUnauthorized:
		if object {
			failure.Kind = session.ErrRefused
		}
	case http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity:
		if object {
			failure.Kind, failure.Uncertain = session.ErrRefused, true
		}
	case http.StatusForbidden:
		failure.APIKeyRejected = object
	default:
		return
	}
	if !object {
		failure.Err = errNotJSON
	}
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

// malformed returns the error for a 2xx response of an unexpected form.
func malformed(op string, err error) *session.UpstreamError {
	return &session.UpstreamError{Kind: session.ErrMalformed, Op: op, Status: http.StatusOK, Err: err}
}

func isObject(body []byte) bool {
	return strictjson.Object(body, func([]byte, strictjson.Value) error { return nil }) == nil
}

// retryAfter reads the header of RFC 9110 §10.2.3 and clamps it. It returns 0
// without one.
func retryAfter(header string) time.Duration {
	if header == "" {
		return 0
	}
	var delay time.Duration
	// Out of its range ParseInt returns the nearest number of the range.
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		delay = time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		delay = time.Until(date)
	} else {
		return 0
	}
	return min(max(delay, minRetryAfter), maxRetryAfter)
}
