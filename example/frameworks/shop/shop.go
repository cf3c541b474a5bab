// Package shop is an application whose tests show how to test an application:
// single handlers with a session in the context, and the whole application on a
// fake upstream.
package shop

import (
	"encoding/json"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// New returns the shop.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("GET /orders", require(http.HandlerFunc(Orders)))
	mux.Handle("POST /refunds", require(RequireRole("support")(http.HandlerFunc(Refund))))
	return http.NewCrossOriginProtection().Handler(mux)
}

// Orders lists the orders of the signed-in user.
func Orders(w http.ResponseWriter, r *http.Request) {
	s, ok := session.FromContext(r.Context())
	if !ok {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"customer": s.UserID, "orders": []string{"book"}})
}

// Refund gives money back.
func Refund(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }

// RequireRole returns a middleware that lets only sessions pass whose JWT has the
// role. It runs behind RequireSession.
func RequireRole(role string) func(http.Handler) http.Handler {
	type claims struct {
		Role string `json:"role"`
	}
	return middleware.RequireClaim(func(c claims) bool { return c.Role == role })
}
