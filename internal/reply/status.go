package reply

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"github.com/crossmint-go/auth/session"
)

// StatusOf returns the HTTP status for an error of package session: 401; 425 for a
// request in early data that needs a refresh (RFC 8470 §5.2); 503, or the status of
// [WithUnavailableStatus], where there is no decision; 500 for any other error, also
// for nil. No other place maps errors to statuses.
func StatusOf(err error) int {
	var unauthenticated *session.AuthenticationError
	var configured *statusError
	switch {
	case errors.As(err, &unauthenticated):
		return http.StatusUnauthorized
	case isTooEarly(err):
		return http.StatusTooEarly
	case errors.As(err, &configured):
		return configured.status
	case errors.Is(err, session.ErrUnavailable):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// statusError is the error of a request without a decision, with the status of its
// response.
type statusError struct {
	error
	status int
}

func (e *statusError) Unwrap() error { return e.error }

// WithUnavailableStatus returns err with a configured status for requests without a
// decision; 0 means 503. Other errors stay as they are.
func WithUnavailableStatus(err error, status int) error {
	status = cmp.Or(status, http.StatusServiceUnavailable)
	if !isUnavailable(err) || StatusOf(err) == status {
		return err
	}
	return &statusError{err, status}
}

// CheckUnavailableStatus returns an error for a status that clients or proxies do
// not take for "try again later".
func CheckUnavailableStatus(status int) error {
	switch status {
	case 0, http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return nil
	}
	return fmt.Errorf("Config.UnavailableStatus must be 503 or 429, not %d", status)
}

// isUnavailable reports whether there is no decision on a request, and another try
// may bring one.
func isUnavailable(err error) bool {
	var unauthenticated *session.AuthenticationError
	return errors.Is(err, session.ErrUnavailable) && !errors.As(err, &unauthenticated) && !isTooEarly(err)
}

func isTooEarly(err error) bool {
	var upstreamErr *session.UpstreamError
	return errors.As(err, &upstreamErr) && upstreamErr.TooEarly
}
