// Package reply writes the responses that middleware and handlers share. Their
// bodies tell browsers nothing about tokens.
package reply

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Body is the JSON body of every error response.
type Body struct {
	Error   string `json:"error"`
	Message string `json:"message"`
}

// messages are the public messages for each status.
var messages = map[int]string{
	http.StatusBadRequest:            "The body must be one JSON object with at most one string member refresh",
	http.StatusForbidden:             "Cross-origin requests are not allowed",
	http.StatusMethodNotAllowed:      "Use POST",
	http.StatusRequestTimeout:        "The body took too long",
	http.StatusRequestEntityTooLarge: "The body is too long",
	http.StatusUnsupportedMediaType:  "The body must be application/json, without Content-Encoding",
	http.StatusInternalServerError:   "Something went wrong",
	http.StatusServiceUnavailable:    "Please try again later",
}

// Status writes an error response with the standard message for status.
func Status(w http.ResponseWriter, status int) { write(w, status, messages[status]) }

// Error writes the response to a request that has no session because of err.
// Its status is [StatusOf] err; it contains no cause.
func Error(w http.ResponseWriter, err error) {
	status := StatusOf(err)
	message := messages[status]
	var unauthenticated *session.AuthenticationError
	if errors.As(err, &unauthenticated) {
		message = unauthenticated.Message
	}
	write(w, status, message)
}

// StatusOf returns the HTTP status for an error of package session: 401, 503,
// or 500 for any other error, also for nil. No other place maps errors to
// statuses.
func StatusOf(err error) int {
	var unauthenticated *session.AuthenticationError
	switch {
	case errors.As(err, &unauthenticated):
		return http.StatusUnauthorized
	case errors.Is(err, session.ErrUnavailable):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// defaultRetryAfter is the delay where upstream asks for none.
const defaultRetryAfter = time.Second

// RetryAfter sets the Retry-After header, in whole seconds (RFC 9110 §10.2.3),
// if [StatusOf] err is 503.
func RetryAfter(w http.ResponseWriter, err error) {
	if StatusOf(err) != http.StatusServiceUnavailable {
		return
	}
	seconds := math.Ceil(retryDelay(err).Seconds())
	w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
}

// retryDelay returns the delay that upstream asks for, or the default.
func retryDelay(err error) time.Duration {
	var upstreamErr *session.UpstreamError
	if errors.As(err, &upstreamErr) && upstreamErr.RetryAfter > 0 {
		return upstreamErr.RetryAfter
	}
	return defaultRetryAfter
}

// IsFirstRefusal reports whether the browser should send its request again at once.
func IsFirstRefusal(err error) bool {
	var upstreamErr *session.UpstreamError
	return errors.As(err, &upstreamErr) && upstreamErr.AskAgain
}

// AskAgain responds to a first refusal, with which upstream says nothing certain
// yet. It waits, so that the response of another process can reach the browser,
// and redirects the browser to the same place (307, RFC 9110 §15.4.8). The browser
// then sends the cookies that it has by then. AskAgain reports whether it has
// responded. Location is relative, because a proxy may have rewritten the path.
func AskAgain(w http.ResponseWriter, r *http.Request, err error) bool {
	if !IsFirstRefusal(err) {
		return false
	}
	wait := time.NewTimer(retryDelay(err))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
	}
	_, query, _ := strings.Cut(cmp.Or(r.RequestURI, r.URL.RequestURI()), "?")
	w.Header().Set("Location", "?"+query)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}

func write(w http.ResponseWriter, status int, message string) {
	JSON(w, status, Body{http.StatusText(status), message})
}

// JSON writes value as the response's body. The response is not cacheable. If
// value cannot be encoded, the response is a 500.
func JSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"Internal Server Error","message":"Something went wrong"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// LocalPath reports whether u is a path on the same host, with or without a
// query, in a form that every browser reads so. Browsers read "//e" and "/\e" as
// another host, and they remove tabs and line breaks before they parse.
func LocalPath(u *url.URL) bool {
	if u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" || u.Fragment != "" {
		return false
	}
	if !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return false
	}
	return !strings.ContainsFunc(u.Path+u.RawQuery, func(r rune) bool {
		return r < 0x20 || r == 0x7f || r == '\\'
	})
}
