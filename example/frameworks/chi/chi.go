// Package chi puts sessions in front of the handlers of chi.
package chi

import (
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/example/frameworks/internal/app"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/go-chi/chi/v5"
)

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	router := chi.NewRouter()
	router.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	router.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	router.Group(func(private chi.Router) {
		private.Use(middleware.RequireSession(sessions, cookies, middleware.Config{}))
		private.Get("/me", app.Me)
		private.Get("/stream", app.Stream)
	})
	return router
}
