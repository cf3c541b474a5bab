// Command example is a site with an API that requires a Crossmint session, and
// a page that shows requests and session on a time line:
//
//	go run ./example
//
// Without an API key the program simulates Crossmint, and no data leaves the
// machine. With CROSSMINT_API_KEY it uses the key's Crossmint environment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/internal/page"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/justinas/alice"
)

// fakeJWTLifetime is short, so that the page shows a refresh soon.
const fakeJWTLifetime = 20 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process immediately
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 after a signal, 2 for an invalid flag or
// environment variable, and 1 for any other error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, os.Getenv, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var s *site
	if err == nil {
		s, err = newSite(o)
	}
	if err != nil {
		fmt.Fprintln(stderr, "example:", oneLine(err))
		return 2
	}
	if err := s.serve(ctx, o.addr, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "example:", oneLine(err))
		return 1
	}
	return 0
}

// oneLine returns the text of joined errors without line breaks.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func newSite(o options) (*site, error) {
	watch := page.NewJournal()
	client, fake, err := newClient(o, watch)
	if err != nil {
		return nil, err
	}
	cookies, err := cookie.NewCodec(cookie.Config{
		ProjectID: client.ProjectID(),
		// Safari and older browsers reject Secure cookies on
		// http://localhost. On any other host the cookies must be Secure.
		InsecureAllowHTTP: o.addr.IP.IsLoopback(),
	})
	if err != nil {
		return nil, err
	}
	log := event.Log(nil) // the default without OnEvent
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(ctx context.Context, e event.Event) {
		log(ctx, e)
		watch.Event(e)
	}})
	if err != nil {
		return nil, err
	}
	return &site{fake, client, sessions, routes(client, sessions, cookies, fake, watch)}, nil
}

// newClient returns a client of Crossmint, or of a fake without an API key.
func newClient(o options, watch *page.Journal) (*crossmint.Client, *crossminttest.Server, error) {
	if o.apiKey != "" {
		client, err := crossmint.NewClient(crossmint.Config{APIKey: session.NewSecret(o.apiKey), AllowClientKey: o.allowClientKey, BaseURL: o.upstream})
		return client, nil, err
	}
	// The fake listens at 127.0.0.1: its callback page is a page of the browser.
	fake, err := crossminttest.New(crossminttest.Config{JWTLifetime: fakeJWTLifetime})
	if err != nil {
		return nil, nil, err
	}
	config := fake.Config()
	config.HTTPClient = &http.Client{Transport: watch.Transport(fake.Transport())}
	client, err := crossmint.NewClient(config)
	return client, fake, err
}

// routes returns the handler of all paths. A single ServeMux finds the handler of
// a request.
func routes(client *crossmint.Client, sessions *session.Manager, cookies *cookie.Codec, fake *crossminttest.Server, watch *page.Journal) http.Handler {
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	protect := http.NewCrossOriginProtection().Handler
	watched := alice.New(watch.Requests)

	mux := http.NewServeMux()
	mux.Handle("GET /api/me", watched.Append(require).ThenFunc(me))
	mux.Handle("/api/refresh", watched.Then(handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))) // both handlers check
	mux.Handle("/api/logout", watched.Then(handlers.Logout(sessions, cookies, handlers.Config{})))                          // the origin themselves
	mux.Handle("POST /api/signin/code", protect(sendCode(client)))
	mux.Handle("POST /api/signin/confirm", protect(confirmCode(client)))
	if fake != nil {
		mux.Handle("GET /api/inbox", inbox(fake))
	}
	pages := page.Handler(page.Config{Demo: fake != nil, Environment: string(client.Environment())})
	for _, pattern := range []string{"GET /{$}", "GET /tab", "GET /assets/"} {
		mux.Handle(pattern, pages)
	}
	mountForms(mux, client, sessions, cookies, fake)
	mountWatch(mux, watch, sessions, cookies, fake)
	return mux
}

// profile is the response of /api/me.
type profile struct {
	ExpiresAt string `json:"expiresAt"`
	IssuedAt  string `json:"issuedAt"`
	UserID    string `json:"userId"`
}

func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context()) // RequireSession guarantees a session
	writeJSON(w, http.StatusOK, &profile{
		ExpiresAt: s.ExpiresAt.UTC().Format(time.RFC3339),
		IssuedAt:  s.IssuedAt.UTC().Format(time.RFC3339),
		UserID:    s.UserID,
	})
}
