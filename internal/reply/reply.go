// Package reply writes the responses that middleware and handlers share. Their
// bodies tell browsers nothing about tokens.
package reply

import (
	"encoding/json"
	"errors"
	"net/http"

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
	http.StatusTooEarly:              "Please send the request again when the TLS handshake is complete",
	http.StatusTooManyRequests:       "Please try again later",
	http.StatusInternalServerError:   "Something went wrong",
	http.StatusServiceUnavailable:    "Please try again later",
}

// Status writes an error response with the standard message for status.
func Status(w http.ResponseWriter, r *http.Request, status int) {
	write(w, r, status, messages[status])
}

// Error writes the response to a request that has no session because of err. It
// contains no cause. Its status is [StatusOf] err, except for an EventSource
// without a decision: that gets 200, and reconnects.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case isUnavailable(err) && isEventSource(r):
		reconnect(w, err)
		return
	case isUnavailable(err) && r.Method == http.MethodGet && IsNavigation(r):
		w.Header().Set("Refresh", wholeSeconds(max(retryDelay(err), minReloadDelay)))
	}
	Refuse(w, r, err)
}

// Refuse is [Error] for a response to a proxy: its status is always [StatusOf] err,
// because a proxy takes any 2xx for a permission.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := StatusOf(err)
	message := messages[status]
	var unauthenticated *session.AuthenticationError
	if errors.As(err, &unauthenticated) {
		message = unauthenticated.Message
	}
	write(w, r, status, message)
}

func write(w http.ResponseWriter, r *http.Request, status int, message string) {
	if IsNavigation(r) {
		writePage(w, status, message)
		return
	}
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
