// Package wiring has the errors of a handler that asks for a session where there is
// none. They are here so that middleware can tell them from errors about claims.
package wiring

import "errors"

var (
	// ErrNoSession reports that a context has no session.
	ErrNoSession = errors.New("session: there is no session in the context")
	// ErrNoMiddleware reports a context that no middleware has looked at: a mistake in
	// the program.
	ErrNoMiddleware = errors.New("session: no middleware has looked for a session: put middleware.RequireSession or OptionalSession around the handler")
)
