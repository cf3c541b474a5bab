// Command react is a Go API with a page of React in front of it. Crossmint's React UI
// signs the user in, and the middleware renews the session:
//
//	npm start --prefix example/react
//
// Without API keys the program simulates Crossmint, and writes the codes of its e-mails
// to standard output. With CROSSMINT_CLIENT_KEY (ck_…, for the page) and
// CROSSMINT_API_KEY (sk_…, for the server) of one project it uses their environment.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// The React UI checks the vendor's signature on its key, so the fake has to accept a
// published one: that of the vendor's own tests, and its project.
const (
	fakeProjectID = "dfb06708-a46f-4615-bd34-f614ae284e7b"
	fakeClientKey = "ck_development_A61UZQnvjSQcM5qVBaBactgqebxafWAVsNdD2xLkgBxoYuH5q2guM8r9DUmZQzE1WYyoByGVYpEG2o9gVSzAZFsrLbfKGERUJ6D5CW6S9AsJGAc3ctgrsD4n2ioekzGj7KPbLwT3SysDjMamYXLxEroUbQSdwf6aLF4zeEpECq2crkTUQeLFzxzmjWNxFDHFYefDrfrFPCURvBXJLf5pCxCQ"
	// fakeJWTLifetime is short, so that a refresh can be seen soon.
	fakeJWTLifetime = 20 * time.Second
)

//go:embed index.html
var indexHTML string

var index = template.Must(template.New("index").Parse(indexHTML))

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	page := flag.String("page", "dist/page.js", "the bundled script of the page, a `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *page, os.Stdout); err != nil {
		log.Fatal(err) // exits with status 1
	}
}

func run(ctx context.Context, addr, page string, stdout io.Writer) error {
	if _, err := os.Stat(page); err != nil {
		return fmt.Errorf("the page is not built: npm start builds it and starts this program: %w", err)
	}
	client, config, closeFake, err := newClient(stdout)
	if err != nil {
		return err
	}
	defer closeFake()
	defer client.Close()
	sessions, err := session.NewManager(session.Config{Upstream: client})
	if err != nil {
		return err
	}
	// Safari rejects Secure cookies on http://localhost. On any other host they must be
	// Secure.
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), InsecureAllowHTTP: isLoopback(addr)})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	server := &http.Server{Handler: routes(sessions, cookies, config, page), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.WithoutCancel(ctx)) })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return sessions.Close(context.WithoutCancel(ctx))
}

// isLoopback reports whether addr names this machine alone.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// pageConfig is the configuration of page.jsx.
type pageConfig struct {
	APIKey   string `json:"apiKey"`
	Upstream string `json:"upstream,omitempty"` // empty: the environment of the key
}

// newClient returns a client of Crossmint, or of a fake without API keys.
func newClient(stdout io.Writer) (client *crossmint.Client, page pageConfig, closeFake func(), err error) {
	serverKey, clientKey := os.Getenv("CROSSMINT_API_KEY"), os.Getenv("CROSSMINT_CLIENT_KEY")
	if serverKey != "" || clientKey != "" {
		client, err = crossmint.NewClient(crossmint.Config{APIKey: session.NewSecret(serverKey)})
		return client, pageConfig{APIKey: clientKey}, func() {}, err
	}
	fake, err := crossminttest.New(crossminttest.Config{
		ProjectID: fakeProjectID, Environment: crossmint.Development, JWTLifetime: fakeJWTLifetime,
		OnCode: func(email, code string) { fmt.Fprintf(stdout, "e-mail to %s: your code is %s\n", email, code) },
	})
	if err != nil {
		return nil, pageConfig{}, nil, err
	}
	fake.AcceptAPIKey(fakeClientKey)
	client, err = crossmint.NewClient(fake.Config())
	return client, pageConfig{APIKey: fakeClientKey, Upstream: fake.URL()}, fake.Close, err
}

func routes(sessions *session.Manager, cookies *cookie.Codec, config pageConfig, page string) http.Handler {
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	mux := http.NewServeMux()
	mux.Handle("/api/refresh", handlers.Refresh(sessions, cookies, handlers.Config{}))
	mux.Handle("/api/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("GET /api/me", require(http.HandlerFunc(me)))
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, page) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		if err := index.Execute(w, config); err != nil {
			log.Print(err) // the browser has disconnected
		}
	})
	return mux
}

// me responds with the signed-in user. RequireSession guarantees a session.
func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"userId": s.UserID, "expiresAt": s.ExpiresAt.UTC()}) // the browser may be gone
}
