package main

import (
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/internal/page"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/justinas/alice"
)

// watched puts around the site what the page draws, and, with a fake, what
// breaks it. A site in production has nothing of this.
func watched(site http.Handler, watch *page.Journal, sessions *session.Manager, cookies *cookie.Codec, fake *crossminttest.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", site)
	for _, path := range []string{"/api/me", "/api/refresh", "/api/logout", sendPath, confirmPath, logoutPath} {
		mux.Handle(path, watch.Requests(site))
	}
	mux.Handle("GET /api/history", watch)
	if fake != nil {
		protect := http.NewCrossOriginProtection().Handler
		require := middleware.RequireSession(sessions, cookies, middleware.Config{})
		mux.Handle("POST /api/demo/upstream", alice.New(protect).Then(page.Upstream(fake, watch)))
		mux.Handle("POST /api/demo/expire", alice.New(protect, require).Then(page.Expire(fake, cookies, watch)))
	}
	return mux
}
