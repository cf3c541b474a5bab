// Package sse puts sessions in front of server-sent events.
//
// The stream ends with the session that opened it. A browser's EventSource then
// connects again. After an expiry the middleware renews the session, and the stream
// goes on. During an outage of upstream EventSource connects again and again, until
// there is a decision. After a logout EventSource gets 401 and stops. It also stops
// at the error of a proxy; therefore the page opens a new one.
package sse

import (
	"fmt"
	"io"
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
	mux.HandleFunc("GET /watch", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, watchPage)
	})
	return mux
}

// watchPage shows the events. An EventSource that is closed stays closed, so the
// page opens a new one.
const watchPage = `<!doctype html>
<meta charset="utf-8">
<title>Events</title>
<output></output>
<script>
	function open() {
		const source = new EventSource("/events")
		source.onmessage = (event) => { document.querySelector("output").textContent = event.data }
		source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000) }
	}
	open()
</script>
`

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
