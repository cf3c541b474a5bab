package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testEnv serves Refresh and Logout from a mux, with a fake upstream.
type testEnv struct {
	*testkit.Kit
	cookies *cookie.Codec
	mux     *http.ServeMux

	mu     sync.Mutex // guards errors
	errors []string   // printed errors of Config.OnError and of the event hook
}

func newTestEnv(t testing.TB, fakeConfig crossminttest.Config, sessionConfig session.Config, config handlers.Config) *testEnv {
	t.Helper()
	env := &testEnv{mux: http.NewServeMux()}
	sessionConfig.OnEvent = env.recordEvent
	env.Kit = testkit.New(t, testkit.Config{Fake: fakeConfig, Session: sessionConfig})
	env.cookies = testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: env.Client.ProjectID()}))
	config.OnError = func(_ *http.Request, err error) { env.recordError(err) }
	env.mux.Handle("/refresh", handlers.Refresh(env.Manager, env.cookies, config))
	env.mux.Handle("/logout", handlers.Logout(env.Manager, env.cookies, config))
	return env
}

// recordEvent is the event hook of the session manager.
func (env *testEnv) recordEvent(_ context.Context, e event.Event) {
	env.recordError(fmt.Errorf("event %v: %w", e.LogValue(), e.Err))
}

func (env *testEnv) recordError(err error) {
	env.mu.Lock()
	defer env.mu.Unlock()
	env.errors = append(env.errors, fmt.Sprintf("%v %+v %#v", err, err, err))
}

func (env *testEnv) expiredTokens() (jwt, refresh string) {
	m := env.Expired("")
	return m.JWT.Reveal(), m.RefreshToken.Reveal()
}

func (env *testEnv) validTokens() (jwt, refresh string) {
	m := env.SignIn("")
	return m.JWT.Reveal(), m.RefreshToken.Reveal()
}

// post returns a JSON request from the same origin. An empty token adds no
// cookie.
func post(path, body, jwt, refresh string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://app.example"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	testkit.AddCookies(r, session.Material{JWT: session.NewSecret(jwt), RefreshToken: session.NewSecret(refresh)})
	return r
}

// refreshBody returns the body {"refresh":token}.
func refreshBody(token string) string { return `{"refresh":"` + token + `"}` }

// serve returns the response to r and its body, and checks its headers.
func (env *testEnv) serve(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	env.mux.ServeHTTP(w, r)
	res := w.Result()
	checkHeaders(t, res)
	return res, w.Body.String()
}

// checkHeaders checks that the response is not cacheable and not readable from
// other origins.
func checkHeaders(t *testing.T, res *http.Response) {
	t.Helper()
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
	for name := range res.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("CORS header %s", name)
		}
	}
}

// outcome is the effect of one request.
type outcome struct {
	Summary            string // as of testkit.ResponseOutcome
	Refreshes, Logouts int    // calls of upstream
}

func (env *testEnv) outcome(t *testing.T, r *http.Request) outcome {
	t.Helper()
	before := env.Fake.Calls()
	res, _ := env.serve(t, r)
	after := env.Fake.Calls()
	return outcome{Summary: testkit.ResponseOutcome(t, res), Refreshes: after.Refresh - before.Refresh, Logouts: after.Logout - before.Logout}
}

// subject returns the user ID of a JWT.
func subject(t *testing.T, jwt string) string {
	t.Helper()
	type subject struct {
		Sub string `json:"sub"`
	}
	claims, err := session.Claims[subject](session.NewContext(context.Background(), &session.AuthSession{JWT: session.NewSecret(jwt)}))
	testkit.NoError(t, err)
	return claims.Sub
}

// panics reports whether f panics.
func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

// foreignURLs are URLs that are not a path on this host, or that browsers do not
// read as one.
var foreignURLs = []string{"//e", `/\e`, "///e", "https:e", "https://e/", "/%09/e", "javascript:alert(1)", "e", "", "/e#a"}
