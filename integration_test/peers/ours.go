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

// kit is a wired instance of this module.
type kit struct {
	client  *crossmint.Client
	cookies *cookie.Codec
	protect func(http.Handler) http.Handler
	handler http.Handler // the protected page
}

// newKit wires this module like its README. The kit closes when ctx ends.
func newKit(ctx context.Context, s settings) (*kit, error) {
	quiet := slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(crossmint.Config{
		APIKey:          session.NewSecret(s.APIKey),
		APIKeyVerifiers: s.APIKeyVerifiers,
		BaseURL:         s.URL,
		Issuer:          s.Issuer,
		Logger:          quiet,
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
	protect := middleware.RequireSession(sessions, cookies, middleware.Config{})
	return &kit{client, cookies, protect, protect(http.HandlerFunc(writeUserID))}, client.Preload(ctx)
}

// writeUserID writes the user ID of the session.
func writeUserID(w http.ResponseWriter, r *http.Request) {
	s, ok := session.FromContext(r.Context())
	if !ok {
		reject(w)
		return
	}
	page(w, r, s.UserID)
}

func buildOurs(ctx context.Context, s settings) (http.Handler, error) {
	k, err := newKit(ctx, s)
	if err != nil {
		return nil, err
	}
	return k.handler, nil
}
