package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// site is a protected page with its upstream.
type site struct {
	fake     *crossminttest.Server
	client   *crossmint.Client
	sessions *session.Manager
	handler  http.Handler
	dropped  atomic.Int64 // events of that kind
}

func newSite(config crossminttest.Config) (*site, error) {
	fake, err := crossminttest.New(config)
	if err != nil {
		return nil, err
	}
	s := &site{fake: fake}
	if err := s.wire(fake.Config()); err != nil {
		fake.Close()
		return nil, err
	}
	return s, nil
}

func (s *site) wire(config crossmint.Config) error {
	config.Logger = slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(config)
	if err != nil {
		return err
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), InsecureAllowHTTP: true})
	if err != nil {
		return err
	}
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(_ context.Context, e event.Event) {
		if e.Outcome == event.UndeliveredDropped {
			s.dropped.Add(1)
		}
	}})
	if err != nil {
		return err
	}
	s.client, s.sessions = client, sessions
	s.handler = middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := session.FromContext(r.Context())
		_, _ = io.WriteString(w, u.UserID)
	}))
	return client.Preload(context.Background())
}

func (s *site) close() {
	_ = s.sessions.Close(context.Background())
	s.client.Close()
	s.fake.Close()
}

// request returns a request with the cookies of a session.
func request(jwt, refresh string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", "crossmint-session="+jwt+"; crossmint-refresh-token="+refresh)
	return r
}

// status serves r without a network and returns the status.
func (s *site) status(r *http.Request) int {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Code
}

// newStatelessSite returns a site whose upstream accepts every refresh token and stores
// none, so that only the kit's memory can grow.
func newStatelessSite() (*site, *httptest.Server, error) {
	fake, err := crossminttest.New(crossminttest.Config{Algorithm: "EdDSA"})
	if err != nil {
		return nil, nil, err
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/refresh") {
			fake.ServeHTTP(w, r)
			return
		}
		user := session.User{ID: "user-" + rand.Text()}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"jwt":     fake.JWT(user),
			"refresh": map[string]string{"secret": rand.Text(), "expiresAt": time.Now().Add(24 * time.Hour).Format(time.RFC3339)},
			"user":    user,
		})
	}))
	s := &site{fake: fake}
	config := fake.Config()
	config.BaseURL, config.HTTPClient = upstream.URL, nil
	if err := s.wire(config); err != nil {
		upstream.Close()
		fake.Close()
		return nil, nil, err
	}
	return s, upstream, nil
}

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
