package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// kit is this module, wired.
type kit struct {
	client  *crossmint.Client
	cookies *cookie.Codec
	handler http.Handler
}

// newKit wires this module as its README does. It ends with ctx.
func newKit(ctx context.Context, s settings) (*kit, error) {
	quiet := slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(crossmint.Config{
		APIKey:  session.NewSecret(s.APIKey),
		Signers: s.Signers,
		BaseURL: s.URL,
		Issuer:  s.Issuer,
		Logger:  quiet,
	})
	if err != nil {
		return nil, err
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		return nil, err
	}
	sessions, err := session.NewManager(session.Config{Upstream: client, Logger: quiet})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() {
		_ = sessions.Close(context.WithoutCancel(ctx))
		client.Close()
	})
	protected := middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, ok := session.FromContext(r.Context())
		if !ok {
			refuse(w)
			return
		}
		page(w, r, s.UserID)
	}))
	return &kit{client, cookies, protected}, client.Preload(ctx)
}

func buildOurs(ctx context.Context, s settings) (http.Handler, error) {
	k, err := newKit(ctx, s)
	if err != nil {
		return nil, err
	}
	return k.handler, nil
}
