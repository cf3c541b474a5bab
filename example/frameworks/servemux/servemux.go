// Package servemux puts sessions in front of the handlers of net/http's ServeMux.
package servemux

import (
	"net/http"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/example/frameworks/internal/app"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/justinas/alice"
)

// timeout is short, since app.Slow waits for it.
const timeout = 200 * time.Millisecond

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	private := alice.New(middleware.RequireSession(sessions, cookies, middleware.Config{}))
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("GET /me", private.ThenFunc(app.Me))
	mux.Handle("GET /stream", private.ThenFunc(app.Stream))
	mux.Handle("GET /slow", http.TimeoutHandler(private.ThenFunc(app.Slow), timeout, ""))
	return mux
}
