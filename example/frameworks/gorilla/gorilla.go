// Package gorilla puts sessions in front of the handlers of gorilla/mux.
package gorilla

import (
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/example/frameworks/internal/app"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/gorilla/mux"
)

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	router := mux.NewRouter()
	router.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	router.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	private := router.NewRoute().Subrouter()
	private.Use(middleware.RequireSession(sessions, cookies, middleware.Config{}))
	private.HandleFunc("/me", app.Me).Methods(http.MethodGet)
	private.HandleFunc("/stream", app.Stream).Methods(http.MethodGet)
	return router
}
