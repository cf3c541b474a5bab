// Package sse has sessions in front of Server-Sent Events.
//
// The stream ends with the session that opened it. A
// browser's EventSource then connects again by itself: after an expiry the
// middleware renews the session and the stream goes on, after a logout it gets
// 401 and EventSource gives up.
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

// beat is the pause between events.
const beat = time.Second

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
		clock := time.NewTicker(beat)
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
