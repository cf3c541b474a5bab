// Package websocket has sessions in front of a WebSocket.
//
// The socket ends with the session that opened it. The page
// connects again: after an expiry the middleware renews the session, whose new
// cookies travel on the answer that switches protocols; after a logout the
// page gets 401.
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

// echo sends back what it receives. Cookies come with every handshake, from
// whatever page; without options Accept takes those of this host only, by
// their Origin.
func echo(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // Accept has answered
		}
		defer func() { _ = conn.CloseNow() }()
		signedIn, _ := session.FromContext(r.Context())
		ctx, end := sessions.SessionContext(r.Context(), signedIn)
		defer end()
		// A context that ends breaks a read without a word, so the read has
		// another one, and the end is said in a close frame.
		context.AfterFunc(ctx, func() { _ = conn.Close(websocket.StatusPolicyViolation, "the session has ended") })
		for {
			kind, message, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	}
}
