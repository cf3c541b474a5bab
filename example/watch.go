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

// mountWatch adds the requests of the time line and, with a fake, the controls
// that break it. A site in production has nothing of this.
func mountWatch(mux *http.ServeMux, watch *page.Journal, sessions *session.Manager, cookies *cookie.Codec, fake *crossminttest.Server) {
	mux.Handle("GET /api/history", watch)
	if fake == nil {
		return
	}
	protect := http.NewCrossOriginProtection().Handler
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	mux.Handle("POST /api/demo/upstream", alice.New(protect).Then(page.Upstream(fake, watch)))
	mux.Handle("POST /api/demo/expire", alice.New(protect, require).Then(page.Expire(fake, cookies, watch)))
}
