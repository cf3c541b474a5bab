// Package huma puts sessions in front of huma's operations.
package huma

import (
	"context"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/sse"
)

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	api := humago.New(mux, huma.DefaultConfig("Example", "1.0.0"))
	api.UseMiddleware(wrap(middleware.RequireSession(sessions, cookies, middleware.Config{})))
	huma.Get(api, "/me", me)
	sse.Register(api, huma.Operation{Method: http.MethodGet, Path: "/stream"}, map[string]any{"message": greeting{}}, stream)
	return mux
}

// wrap converts a net/http middleware to one of huma. The further handlers write
// through its ResponseWriter, which notices when the cookies of a renewed session leave.
func wrap(m func(http.Handler) http.Handler) func(huma.Context, func(huma.Context)) {
	return func(c huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(c)
		m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next(humago.NewContext(c.Operation(), r, w))
		})).ServeHTTP(w, r.WithContext(c.Context()))
	}
}

// meResponse is the response of me. SetCookie is a slice: for a single value huma
// replaces the header, and the renewed session would be lost.
type meResponse struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      struct {
		UserID string `json:"userId"`
	}
}

func me(ctx context.Context, _ *struct{}) (*meResponse, error) {
	s, _ := session.FromContext(ctx)
	response := &meResponse{SetCookie: []http.Cookie{{Name: "theme", Value: "dark"}}}
	response.Body.UserID = s.UserID
	return response, nil
}

type greeting struct {
	Text string `json:"text"`
}

func stream(ctx context.Context, _ *struct{}, send sse.Sender) {
	if err := send.Data(greeting{"hello"}); err != nil {
		return
	}
	<-ctx.Done()
}
