// Package sse puts sessions in front of server-sent events.
//
// The stream ends with the session that opened it. A browser's EventSource then
// connects again. After an expiry the middleware renews the session, and the stream
// goes on. After a logout EventSource gets 401 and stops.
package sse

import (
	"fmt"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// interval is the time between events.
const interval = time.Second

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("GET /events", require(events(sessions)))
	return mux
}

func events(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		signedIn, _ := session.FromContext(r.Context())
		ctx, end := sessions.SessionContext(r.Context(), signedIn)
		defer end()
		stream := http.NewResponseController(w)
		_ = stream.SetWriteDeadline(time.Time{}) // the server's WriteTimeout would cut the stream
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		clock := time.NewTicker(interval)
		defer clock.Stop()
		for ctx.Err() == nil {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", time.Now().UTC().Format(time.TimeOnly))
			if err := stream.Flush(); err != nil {
				return
			}
			select {
			case <-ctx.Done():
			case <-clock.C:
			}
		}
	}
}
