package cookie_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const project = crossminttest.DefaultProjectID

// Names of the cookies, as browsers send them.
const (
	documentedJWT = "crossmint-session"
	unscopedJWT   = "crossmint-jwt"
	plainRefresh  = "crossmint-refresh-token"
	scopedJWT     = "crossmint-jwt-" + project
	scopedRefresh = "crossmint-refresh-token-" + project
)

func newCodec(t testing.TB, config cookie.Config) *cookie.Codec {
	t.Helper()
	if config.ProjectID == "" {
		config.ProjectID = project
	}
	codec, err := cookie.NewCodec(config)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// env is a session manager with a fake upstream.
type env struct {
	fake      *crossminttest.Server
	sessions  *session.Manager
	refreshes *refreshLog
}

func newEnv(t *testing.T, config crossminttest.Config) *env {
	t.Helper()
	config.Algorithm = "ES256"
	fake, err := crossminttest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	refreshes := &refreshLog{next: fake.Transport()}
	clientConfig := fake.Config()
	clientConfig.HTTPClient = &http.Client{Transport: refreshes}
	client, err := crossmint.NewClient(clientConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(context.Context, event.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sessions.Close(context.Background()) })
	return &env{fake, sessions, refreshes}
}

// refreshLog records the bodies of the refresh requests.
type refreshLog struct {
	next http.RoundTripper

	mu     sync.Mutex // guards bodies
	bodies []string
}

func (l *refreshLog) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/refresh") {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		l.bodies = append(l.bodies, string(content))
		l.mu.Unlock()
	}
	return l.next.RoundTrip(r)
}

func (l *refreshLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.bodies...)
}

// request returns a request with the given lines of a Cookie header.
func request(lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/me", nil)
	for _, line := range lines {
		r.Header.Add("Cookie", line)
	}
	return r
}

// pairs joins alternating names and values to one line of a Cookie header.
func pairs(namesAndValues ...string) string {
	var line []string
	for i := 0; i < len(namesAndValues); i += 2 {
		line = append(line, namesAndValues[i]+"="+namesAndValues[i+1])
	}
	return strings.Join(line, "; ")
}

// setCookies describes the cookies that a response sets: "name=value", or "-name"
// for a deletion, then "@domain", and "readable" for a refresh cookie that
// scripts can read.
func setCookies(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var lines []string
	for _, c := range w.Result().Cookies() {
		line := c.Name + "=" + c.Value
		if c.MaxAge < 0 {
			line = "-" + c.Name
		}
		if c.Domain != "" {
			line += " @" + c.Domain
		}
		if c.MaxAge >= 0 && strings.Contains(c.Name, "refresh") && !c.HttpOnly {
			line += " readable"
		}
		lines = append(lines, line)
	}
	if got := w.Header().Get("Cache-Control"); len(lines) > 0 && got != "no-store" {
		t.Errorf("Cache-Control of a response with cookies: %q", got)
	}
	return lines
}

func grant(jwt, refresh string) *session.Grant {
	return &session.Grant{JWT: session.NewSecret(jwt), RefreshToken: session.RefreshToken{Secret: session.NewSecret(refresh)}}
}
