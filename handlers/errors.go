package handlers

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session/event"
)

// A requestError describes an invalid request.
type requestError struct {
	status int // of the response
	err    error
}

func (e *requestError) Error() string {
	return fmt.Sprintf("handlers: %s: %v", http.StatusText(e.status), e.err)
}

func (e *requestError) Unwrap() error { return e.err }

// writeStatus reports err and writes its error response.
func (e *endpoint) writeStatus(w http.ResponseWriter, r *http.Request, err *requestError) {
	e.reportInvalid(r, err)
	reply.Status(w, r, err.status)
}

// reportInvalid reports an invalid request, also as an event: the session manager
// does not see such a request.
func (e *endpoint) reportInvalid(r *http.Request, err *requestError) {
	e.sessions.Report(r.Context(), event.Event{Outcome: e.invalid, Op: e.op, Err: err, UserError: e.invalid == event.SignInFailed})
	e.reportError(r, err)
}

// reportError calls OnError. It recovers a panic in OnError, since the endpoint
// must still finish: for example, a logout must clear the cookies.
func (e *endpoint) reportError(r *http.Request, err error) {
	if e.config.OnError == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(r.Context(), "crossmint: handlers.Config.OnError panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	e.config.OnError(r, err)
}
