package middleware_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// env is the objects that protect a handler, with a fake upstream.
type env struct {
	fake     *crossminttest.Server
	client   *crossmint.Client
	sessions *session.Manager
	cookies  *cookie.Codec

	mu       sync.Mutex // guards all below
	outcomes []event.Outcome
	warnings []string // errors of the outcome Misconfigured
}

func newEnv(t testing.TB, fakeConfig crossminttest.Config, config session.Config) *env {
	t.Helper()
	fakeConfig.Algorithm = "ES256"
	fake, err := crossminttest.New(fakeConfig)
	must(t, err)
	t.Cleanup(fake.Close)
	clientConfig := fake.Config()
	clientConfig.Logger = slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(clientConfig)
	must(t, err)
	t.Cleanup(client.Close)
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	must(t, err)
	e := &env{fake: fake, client: client, cookies: cookies}
	config.Upstream, config.OnEvent = client, e.record
	e.sessions, err = session.NewManager(config)
	must(t, err)
	t.Cleanup(func() { _ = e.sessions.Close(context.Background()) })
	return e
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (e *env) record(_ context.Context, reported event.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.outcomes = append(e.outcomes, reported.Outcome)
	if reported.Outcome == event.Misconfigured {
		e.warnings = append(e.warnings, reported.Op+": "+reported.Err.Error())
	}
}

func (e *env) require(config middleware.Config) func(http.Handler) http.Handler {
	return middleware.RequireSession(e.sessions, e.cookies, config)
}

// expired returns the tokens of a browser whose JWT has just expired.
func (e *env) expired() (jwt, refresh string) {
	g := e.fake.ExpiredGrant(e.fake.NewUser(""))
	return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
}

func (e *env) valid() (jwt, refresh string) {
	g := e.fake.Grant(e.fake.NewUser(""))
	return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
}

// get returns a request with the documented cookies; empty ones are left out.
func get(target, jwt, refresh string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for name, value := range map[string]string{"crossmint-session": jwt, "crossmint-refresh-token": refresh} {
		if value != "" {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	return r
}

// showUser is the protected handler. It writes the user ID of its session, or the
// type of the reason why there is none.
var showUser = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	s, ok := session.FromContext(r.Context())
	if !ok {
		_, _ = fmt.Fprintf(w, "no session: %T", session.ErrorFromContext(r.Context()))
		return
	}
	_, _ = io.WriteString(w, s.UserID)
})

// refusedTwice adds the marker of a refusal two hours ago to r.
func refusedTwice(r *http.Request, refresh string) *http.Request {
	testkit.AddMarker(r, refresh, time.Now().Add(-2*time.Hour))
	return r
}

// serve returns the response to r and its body.
func serve(h http.Handler, r *http.Request) (*http.Response, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

// message returns the member message of the JSON body of an error response.
func message(t *testing.T, res *http.Response, body string) string {
	t.Helper()
	var b struct{ Error, Message string }
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	must(t, decoder.Decode(&b))
	if want := http.StatusText(res.StatusCode); b.Error != want {
		t.Errorf("error of the body: %q, want %q", b.Error, want)
	}
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: %q", got)
	}
	return b.Message
}

// panics reports whether f panics.
func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}
