package handlers_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testEnv serves Refresh and Logout from a mux, with a fake upstream.
type testEnv struct {
	fake     *crossminttest.Server
	client   *crossmint.Client
	sessions *session.Manager
	cookies  *cookie.Codec
	mux      *http.ServeMux

	mu     sync.Mutex // guards all below
	events []session.Outcome
	errors []string // printed errors of Config.OnError and of the event hook
}

func newTestEnv(t testing.TB, fakeConfig crossminttest.Config, sessionConfig session.Config, config handlers.Config) *testEnv {
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
	env := &testEnv{fake: fake, client: client, cookies: cookies, mux: http.NewServeMux()}
	sessionConfig.Upstream, sessionConfig.OnEvent = client, env.recordEvent
	env.sessions, err = session.NewManager(sessionConfig)
	must(t, err)
	t.Cleanup(func() { _ = env.sessions.Close(context.Background()) })
	config.OnError = func(_ *http.Request, err error) { env.recordError(err) }
	env.mux.Handle("/refresh", handlers.Refresh(env.sessions, env.cookies, config))
	env.mux.Handle("/logout", handlers.Logout(env.sessions, env.cookies, config))
	return env
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recordEvent is the event hook of the session manager.
func (env *testEnv) recordEvent(_ context.Context, e session.Event) {
	env.mu.Lock()
	env.events = append(env.events, e.Outcome)
	env.mu.Unlock()
	env.recordError(fmt.Errorf("event %v: %w", e.LogValue(), e.Err))
}

func (env *testEnv) recordError(err error) {
	env.mu.Lock()
	defer env.mu.Unlock()
	env.errors = append(env.errors, fmt.Sprintf("%v %+v %#v", err, err, err))
}

func (env *testEnv) expiredTokens() (jwt, refresh string) {
	g := env.fake.ExpiredGrant(env.fake.NewUser(""))
	return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
}

func (env *testEnv) validTokens() (jwt, refresh string) {
	g := env.fake.Grant(env.fake.NewUser(""))
	return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
}

// post returns a JSON request from the same origin. An empty token adds no
// cookie.
func post(path, body, jwt, refresh string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://app.example"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range map[string]string{"crossmint-session": jwt, "crossmint-refresh-token": refresh} {
		if value != "" {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
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

// summarize returns a response as the tables write it: the status, the change of
// the cookies (kept, renewed or cleared), and Retry-After if it is set. For
// example, "503 kept retry 1".
func summarize(t *testing.T, res *http.Response) string {
	t.Helper()
	states := map[string]string{}
	for _, c := range res.Cookies() {
		states[c.Name] = "renewed"
		if c.MaxAge < 0 {
			states[c.Name] = "cleared"
		}
	}
	state := states["crossmint-refresh-token"]
	if state == "" {
		state = "kept"
	}
	if state == "kept" && len(states) > 0 {
		t.Errorf("changed cookies without a refresh token: %v", states)
	}
	summary := fmt.Sprintf("%d %s", res.StatusCode, state)
	if after := res.Header.Get("Retry-After"); after != "" {
		summary += " retry " + after
	}
	return summary
}

// outcome is the effect of one request.
type outcome struct {
	Summary            string // as of summarize
	Refreshes, Logouts int    // calls of upstream
}

func (env *testEnv) outcome(t *testing.T, r *http.Request) outcome {
	t.Helper()
	before := env.fake.Calls()
	res, _ := env.serve(t, r)
	after := env.fake.Calls()
	return outcome{Summary: summarize(t, res), Refreshes: after.Refresh - before.Refresh, Logouts: after.Logout - before.Logout}
}

// subject returns the user ID of a JWT.
func subject(t *testing.T, jwt string) string {
	t.Helper()
	var claims struct{ Sub string }
	must(t, session.DecodeClaims(session.NewSecret(jwt), &claims))
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
