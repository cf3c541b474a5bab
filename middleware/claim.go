package middleware

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/internal/wiring"
	"github.com/crossmint-go/auth/session"
)

// RequireClaim returns a middleware that lets only sessions pass whose claims
// allow accepts. It runs behind [RequireSession]. For example
//
//	type roles struct {
//		Role string `json:"role"`
//	}
//	admins := middleware.RequireClaim(func(c roles) bool { return c.Role == "admin" })
//	mux.Handle("/admin", require(admins(page)))
//
// The claims are decoded as by [session.Claims], once per token. Requests that
// allow does not accept, and tokens whose claims do not fit into a T, get 403 as
// JSON. A request without a session gets 401, or 503 where there is no decision.
// Without any middleware of this package around it the response is 500.
func RequireClaim[T any](allow func(claims T) bool) func(http.Handler) http.Handler {
	if allow == nil {
		panic("middleware: RequireClaim: allow is nil")
	}
	var notWired sync.Once
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			claims, err := session.Claims[T](r.Context())
			if isAbsent(err) {
				err = withoutSession(r, &notWired)
				reply.RetryAfter(w, err)
				reply.Error(w, r, err)
				return
			}
			if err != nil || !allow(claims) {
				reply.JSON(w, http.StatusForbidden, reply.Body{
					Error: http.StatusText(http.StatusForbidden), Message: "Your account has no access to this page",
				})
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// isAbsent reports whether err of session.Claims tells that there is no session. Unlike
// session.FromContext it logs nothing.
func isAbsent(err error) bool {
	return errors.Is(err, wiring.ErrNoSession) || errors.Is(err, wiring.ErrNoMiddleware)
}

var errNotWired = errors.New("middleware: RequireClaim runs without RequireSession around it")

// withoutSession returns the reason why r has no session. Without an outer
// middleware that is a mistake in the program, which is logged once and becomes a 500.
func withoutSession(r *http.Request, notWired *sync.Once) error {
	if err := session.ErrorFromContext(r.Context()); err != nil {
		return err
	}
	notWired.Do(func() { slog.ErrorContext(r.Context(), errNotWired.Error(), "path", r.URL.Path) })
	return errNotWired
}
