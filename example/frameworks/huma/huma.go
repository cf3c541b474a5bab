// Package huma has sessions in front of huma's operations.
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

// wrap makes a middleware of net/http one of huma's.
func wrap(m func(http.Handler) http.Handler) func(huma.Context, func(huma.Context)) {
	return func(c huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(c)
		m(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			next(huma.WithContext(c, r.Context()))
		})).ServeHTTP(w, r)
	}
}

// whoami is an answer. SetCookie is a slice: huma sets the header of a single
// value in place of what is there, and the renewed session would be lost.
type whoami struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      struct {
		UserID string `json:"userId"`
	}
}

func me(ctx context.Context, _ *struct{}) (*whoami, error) {
	s, _ := session.FromContext(ctx)
	answer := &whoami{SetCookie: []http.Cookie{{Name: "theme", Value: "dark"}}}
	answer.Body.UserID = s.UserID
	return answer, nil
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
