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

// kit is both handlers in a mux, with a fake upstream behind.
type kit struct {
	fake     *crossminttest.Server
	client   *crossmint.Client
	sessions *session.Manager
	cookies  *cookie.Codec
	mux      *http.ServeMux

	mu     sync.Mutex // guards all below
	events []session.Outcome
	errors []string // as Config.OnError and the event hook see them
}

func newKit(t testing.TB, fakeConfig crossminttest.Config, sessionConfig session.Config, config handlers.Config) *kit {
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
	k := &kit{fake: fake, client: client, cookies: cookies, mux: http.NewServeMux()}
	sessionConfig.Upstream, sessionConfig.OnEvent = client, k.note
	k.sessions, err = session.NewManager(sessionConfig)
	must(t, err)
	t.Cleanup(func() { _ = k.sessions.Close(context.Background()) })
	config.OnError = func(_ *http.Request, err error) { k.noteError(err) }
	k.mux.Handle("/refresh", handlers.Refresh(k.sessions, k.cookies, config))
	k.mux.Handle("/logout", handlers.Logout(k.sessions, k.cookies, config))
	return k
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (k *kit) note(_ context.Context, e session.Event) {
	k.mu.Lock()
	k.events = append(k.events, e.Outcome)
	k.mu.Unlock()
	k.noteError(fmt.Errorf("event %v: %w", e.LogValue(), e.Err))
}

func (k *kit) noteError(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.errors = append(k.errors, fmt.Sprintf("%v %+v %#v", err, err, err))
}

func (k *kit) expired() (jwt, refresh string) {
	g := k.fake.ExpiredGrant(k.fake.NewUser(""))
	return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
}

func (k *kit) valid() (jwt, refresh string) {
	g := k.fake.Grant(k.fake.NewUser(""))
	return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
}

// post returns a JSON request of the page's own origin. Empty tokens are left
// out of the cookies.
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

// member returns the body {"refresh":token}.
func member(token string) string { return `{"refresh":"` + token + `"}` }

// serve answers r and checks what holds for every answer.
func (k *kit) serve(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	k.mux.ServeHTTP(w, r)
	res := w.Result()
	checkHeaders(t, res)
	return res, w.Body.String()
}

// checkHeaders checks that no cache keeps an answer and no other origin may
// read it.
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

// verdict is what the tables call an answer: the status, what became of the
// cookies (kept, renewed or cleared), and Retry-After where it is set.
func verdict(t *testing.T, res *http.Response) string {
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
		t.Errorf("cookies were touched: %v", states)
	}
	line := fmt.Sprintf("%d %s", res.StatusCode, state)
	if after := res.Header.Get("Retry-After"); after != "" {
		line += " retry " + after
	}
	return line
}

// outcome is what one request leads to.
type outcome struct {
	Verdict            string
	Refreshes, Logouts int
}

func (k *kit) outcome(t *testing.T, r *http.Request) outcome {
	t.Helper()
	before := k.fake.Calls()
	res, _ := k.serve(t, r)
	after := k.fake.Calls()
	return outcome{verdict(t, res), after.Refresh - before.Refresh, after.Logout - before.Logout}
}

// subject returns the user of a JWT.
func subject(t *testing.T, jwt string) string {
	t.Helper()
	var claims struct{ Sub string }
	must(t, session.DecodeClaims(session.NewSecret(jwt), &claims))
	return claims.Sub
}
