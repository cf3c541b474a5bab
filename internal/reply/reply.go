// Package reply writes the answers that middleware and handlers share. Their
// bodies tell browsers nothing about tokens.
package reply

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/crossmint-go/auth/session"
)

// Body is the body of every answer that is an error.
type Body struct {
	Error   string `json:"error"`
	Message string `json:"message"`
}

// messages says what a browser is told with each status.
var messages = map[int]string{
	http.StatusBadRequest:            "The body must be one JSON object with at most one text member refresh",
	http.StatusForbidden:             "Cross-origin requests are not allowed",
	http.StatusMethodNotAllowed:      "Use POST",
	http.StatusRequestTimeout:        "The body took too long",
	http.StatusRequestEntityTooLarge: "The body is too long",
	http.StatusUnsupportedMediaType:  "The body must be application/json, without Content-Encoding",
	http.StatusInternalServerError:   "Something went wrong",
	http.StatusServiceUnavailable:    "Please try again later",
}

// Status answers with a status and its standard message.
func Status(w http.ResponseWriter, status int) { write(w, status, messages[status]) }

// Error answers to a request that has no session. See [StatusOf].
func Error(w http.ResponseWriter, err error) {
	status := StatusOf(err)
	message := messages[status]
	var rejected *session.AuthenticationError
	if errors.As(err, &rejected) {
		message = rejected.Message
	}
	write(w, status, message)
}

// StatusOf is the one place that turns errors into statuses. What it does not
// know is a fault of ours, and lets nobody in.
func StatusOf(err error) int {
	var rejected *session.AuthenticationError
	switch {
	case errors.As(err, &rejected):
		return http.StatusUnauthorized
	case errors.Is(err, session.ErrUnavailable):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// RetryAfter sets the header of that name, in whole seconds, where err asks
// for another try.
func RetryAfter(w http.ResponseWriter, err error) {
	if StatusOf(err) == http.StatusServiceUnavailable {
		seconds := math.Ceil(session.RetryAfter(err).Seconds())
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
}

func write(w http.ResponseWriter, status int, message string) {
	JSON(w, status, Body{http.StatusText(status), message})
}

// JSON answers with a value. No cache may keep the answer.
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
// query, that no browser can take for anything else. Browsers read "//e" and
// "/\e" as another host, and drop tabs and line breaks before they look.
func LocalPath(u *url.URL) bool {
	if u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" || u.Fragment != "" {
		return false
	}
	return strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(u.Path, "//") &&
		!strings.ContainsFunc(u.Path+u.RawQuery, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' })
}
