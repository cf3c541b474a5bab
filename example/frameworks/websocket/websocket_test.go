package websocket_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	ws "github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/example/frameworks/websocket"
	"github.com/crossmint-go/auth/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const email = "ada@example.com"

// dial opens a socket from a page of the origin.
func dial(t *testing.T, s *site.Site, origin string) (*ws.Conn, *http.Response, error) {
	t.Helper()
	conn, res, err := ws.Dial(t.Context(), s.URL.String()+"/echo", &ws.DialOptions{
		HTTPClient: s.Browser, HTTPHeader: http.Header{"Origin": {origin}},
	})
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, res, err
}

// open is dial from a page of the site, and one message to and fro.
func open(t *testing.T, s *site.Site) (*ws.Conn, *http.Response) {
	t.Helper()
	conn, res, err := dial(t, s, s.URL.String())
	site.Must(t, err)
	site.Must(t, conn.Write(t.Context(), ws.MessageText, []byte("hello")))
	if _, message, err := conn.Read(t.Context()); err != nil || string(message) != "hello" {
		t.Fatalf("echo: %q, %v", message, err)
	}
	return conn, res
}

// expectEnd waits for the close frame that says that the session has ended.
func expectEnd(t *testing.T, conn *ws.Conn) {
	t.Helper()
	if _, _, err := conn.Read(context.Background()); ws.CloseStatus(err) != ws.StatusPolicyViolation {
		t.Fatalf("read: %v", err)
	}
}

func TestAllowedConnections(t *testing.T) {
	s := site.New(t, crossminttest.Config{}, websocket.New)
	if _, res, err := dial(t, s, s.URL.String()); err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("an anonymous visitor: %v", err)
	}
	s.Fake.SignIn(s.Browser.Jar, s.URL, email)
	for _, origin := range []string{"https://evil.example", "https://" + s.URL.Hostname() + ":1", "null"} {
		if _, res, err := dial(t, s, origin); err == nil || res.StatusCode != http.StatusForbidden {
			t.Errorf("a page of %s: %v", origin, err)
		}
	}
	open(t, s)
}

// TestRenewedInTheHandshake wants new cookies on the response that switches
// protocols.
func TestRenewedInTheHandshake(t *testing.T) {
	s := site.New(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, websocket.New)
	s.Fake.SignInExpired(s.Browser.Jar, s.URL, email)
	for i, cookies := range []int{2, 0} {
		if _, res := open(t, s); len(res.Cookies()) != cookies {
			t.Errorf("socket %d: %v", i+1, res.Cookies())
		}
	}
}

// TestRefusal expects 503 for upstream's first refusal. Two hours later the handshake
// deletes the cookies.
func TestRefusal(t *testing.T) {
	t.Parallel()
	s := site.New(t, crossminttest.Config{}, websocket.New)
	refresh := s.Fake.SignInExpired(s.Browser.Jar, s.URL, email).RefreshToken.Secret.Reveal()
	s.Fake.Revoke(refresh)
	for _, want := range []string{"503 kept retry 1 marked", "401 kept", "401 cleared"} {
		_, res, err := dial(t, s, s.URL.String())
		if err == nil {
			t.Fatal("the socket was opened")
		}
		if got := testkit.ResponseOutcome(t, res); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if want == "401 kept" {
			r := s.Request(t, http.MethodGet, "/", "")
			testkit.AddMarker(r, refresh, time.Now().Add(-2*time.Hour))
			s.Browser.Jar.SetCookies(s.URL, r.Cookies())
		}
		time.Sleep(time.Second)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	s := site.New(t, crossminttest.Config{JWTLifetime: 3 * time.Second}, websocket.New)
	s.Fake.SignIn(s.Browser.Jar, s.URL, email)
	conn, _, err := dial(t, s, s.URL.String())
	site.Must(t, err)
	expectEnd(t, conn)
	_, res, err := dial(t, s, s.URL.String())
	site.Must(t, err)
	if len(res.Cookies()) != 2 {
		t.Errorf("came back: %v", res.Cookies())
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	s := site.New(t, crossminttest.Config{}, websocket.New)
	s.Fake.SignIn(s.Browser.Jar, s.URL, email)
	conn, _ := open(t, s)
	s.Logout(t)
	expectEnd(t, conn)
	if _, res, err := dial(t, s, s.URL.String()); err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("came back: %v", err)
	}
}
