// Package websocket puts sessions in front of a WebSocket.
//
// The socket ends with the session that opened it. The page connects again. After an
// expiry the middleware renews the session; the response that switches protocols
// carries the new cookies. After a logout the page gets 401.
//
// A handshake cannot be redirected. Upstream's first refusal is a 503, which a script
// cannot distinguish from a lost connection, so the page connects again after a
// second or later, and not at once.
package websocket

import (
	"context"
	"net/http"

	"github.com/coder/websocket"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("GET /echo", require(echo(sessions)))
	return mux
}

// echo sends its messages back. A handshake carries cookies from any page; without
// options Accept rejects those from other hosts, by their Origin.
func echo(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // Accept has responded
		}
		defer func() { _ = conn.CloseNow() }()
		signedIn, _ := session.FromContext(r.Context())
		ctx, end := sessions.SessionContext(r.Context(), signedIn)
		defer end()
		// The end of its context aborts a read without a close frame. Therefore
		// the read has another context, and the close frame tells the reason.
		context.AfterFunc(ctx, func() { _ = conn.Close(websocket.StatusPolicyViolation, "the session has ended") })
		for {
			kind, message, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	}
}
