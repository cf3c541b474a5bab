package handlers

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// Config configures the handlers. The zero value is the documented contract,
// for browsers of the same origin.
type Config struct {
	// Protection decides which origins may send requests: add those that are
	// trusted to it. nil: the same origin only, and clients that are no
	// browsers. Where the whole mux is wrapped in a protection of its own,
	// give the same one here.
	Protection *http.CrossOriginProtection
	// OmitRefreshSecret leaves the member refreshToken out of the answer of
	// Refresh. The documented answer holds it, and thereby gives every script
	// in the page what HttpOnly keeps from it; Crossmint's browser client
	// does without.
	OmitRefreshSecret bool
	// AfterLogout is where Logout sends form posts (303): a path on this
	// host. nil: they get 204 as all others.
	AfterLogout *url.URL
	// OnError receives the cause of every answer that is an error. It must
	// not write to the client, whose answer tells less. Its panics go to the
	// default logger. nil: nobody.
	OnError func(r *http.Request, err error)
}

// endpoint is what Refresh, Logout and SignIn have in common.
type endpoint struct {
	sessions *session.Manager
	cookies  *cookie.Codec
	config   Config
}

func newEndpoint(name string, sessions *session.Manager, cookies *cookie.Codec, config Config) *endpoint {
	switch {
	case sessions == nil:
		panic("handlers: " + name + ": the session manager is nil")
	case cookies == nil:
		panic("handlers: " + name + ": the cookie codec is nil")
	case config.AfterLogout != nil && !reply.LocalPath(config.AfterLogout):
		panic(fmt.Sprintf("handlers: %s: Config.AfterLogout must be a path on this host, not %q", name, config.AfterLogout))
	}
	if config.AfterLogout != nil {
		checked := *config.AfterLogout
		config.AfterLogout = &checked
	}
	if config.Protection == nil {
		config.Protection = http.NewCrossOriginProtection()
	}
	return &endpoint{sessions, cookies, config}
}

// admit answers requests that may not come in, and reports whether r may.
func (e *endpoint) admit(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		e.fail(w, r, &requestError{http.StatusMethodNotAllowed, fmt.Errorf("method %+q", r.Method)})
		return false
	}
	if err := e.config.Protection.Check(r); err != nil {
		e.fail(w, r, &requestError{http.StatusForbidden, err})
		return false
	}
	return true
}

// requestError is a request that is not taken, with the status to say so.
type requestError struct {
	status int
	err    error
}

func (e *requestError) Error() string {
	return fmt.Sprintf("handlers: %s: %v", http.StatusText(e.status), e.err)
}

func (e *requestError) Unwrap() error { return e.err }

// fail answers a request that is not taken.
func (e *endpoint) fail(w http.ResponseWriter, r *http.Request, err *requestError) {
	e.notify(r, err)
	reply.Status(w, err.status)
}

// notify calls OnError. Its panic is logged and goes no further: nobody must
// stay signed in, or lose his cookies, for the fault of an observer.
func (e *endpoint) notify(r *http.Request, err error) {
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
