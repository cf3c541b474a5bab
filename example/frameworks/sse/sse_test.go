package sse_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/example/frameworks/sse"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen opens the stream and reads its first event.
func listen(t *testing.T, s *site.Site) (*http.Response, *bufio.Reader) {
	t.Helper()
	res, err := s.Browser.Do(s.Request(t, http.MethodGet, "/events", ""))
	site.Must(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("response: %s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	stream := bufio.NewReader(res.Body)
	event, err := stream.ReadString('\n')
	if err != nil || !strings.HasPrefix(event, "data: ") {
		t.Fatalf("event: %q, %v", event, err)
	}
	return res, stream
}

// drain reads the stream to its end.
func drain(t *testing.T, stream io.Reader) {
	t.Helper()
	if _, err := io.Copy(io.Discard, stream); err != nil {
		t.Fatalf("the stream broke: %v", err)
	}
}

func TestAnonymousVisitor(t *testing.T) {
	s := site.New(t, crossminttest.Config{}, sse.New)
	if res, body := s.Get(t, "/events"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("response: %s %s", res.Status, body)
	}
}

// shortTimeout is the example on a server with a short WriteTimeout.
func shortTimeout(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	events := sse.New(sessions, cookies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Second / 2))
		events.ServeHTTP(w, r)
	})
}

// TestExpiry has the stream end with the JWT, and the browser come back with
// the same cookies, as EventSource does: the session is renewed.
func TestExpiry(t *testing.T) {
	t.Parallel()
	s := site.New(t, crossminttest.Config{JWTLifetime: 3 * time.Second}, shortTimeout)
	s.Fake.SignIn(s.Browser.Jar, s.URL, "ada@example.com")
	_, stream := listen(t, s)
	drain(t, stream)
	res, _ := listen(t, s)
	if n := len(res.Cookies()); n != 2 || s.Fake.Calls().Refresh == 0 {
		t.Errorf("came back: %d cookies, %d refreshes", n, s.Fake.Calls().Refresh)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	s := site.New(t, crossminttest.Config{}, sse.New)
	s.Fake.SignIn(s.Browser.Jar, s.URL, "ada@example.com")
	_, stream := listen(t, s)
	s.Logout(t)
	drain(t, stream)
	if res, body := s.Get(t, "/events"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("came back: %s %s", res.Status, body)
	}
}
