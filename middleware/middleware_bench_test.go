package middleware_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// instant is an upstream that responds at once and rotates every token.
type instant struct {
	session.Upstream
	presented, received *session.Token
	err                 error
}

func (u instant) Verify(context.Context, string, time.Time) (*session.Token, error) {
	return u.presented, u.err
}
func (u instant) VerifyReceived(context.Context, string) (*session.Token, error) {
	return u.received, nil
}
func (u instant) Refresh(_ context.Context, token session.Secret) (*session.Grant, error) {
	return &session.Grant{JWT: u.received.JWT, RefreshToken: session.RefreshToken{Secret: session.NewSecret(token.Reveal() + "x")}, User: session.User{ID: "user"}, ReceivedAt: time.Now()}, nil
}

// sink drops the response.
type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

// benchmark measures requests behind RequireSession, each with a refresh token of its
// own.
func benchmark(b *testing.B, expired bool) {
	tok := func(letter string, at time.Time) *session.Token {
		return &session.Token{JWT: session.NewSecret("e30." + strings.Repeat(letter, 700) + ".c2ln"), UserID: "user", IssuedAt: at.Add(-time.Hour), ExpiresAt: at}
	}
	u := instant{presented: tok("a", time.Now().Add(time.Hour)), received: tok("b", time.Now().Add(time.Hour))}
	if expired {
		u.presented, u.err = tok("a", time.Now().Add(-time.Minute)), session.ErrJWTExpired
	}
	m, err := session.NewManager(session.Config{Upstream: u, OnEvent: func(context.Context, event.Event) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = m.Close(context.Background()) }()
	c, err := cookie.NewCodec(cookie.Config{ProjectID: "p"})
	if err != nil {
		b.Fatal(err)
	}
	h := middleware.RequireSession(m, c, middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		_, _ = io.WriteString(w, s.UserID)
	}))
	r := httptest.NewRequest("GET", "/", nil)
	w := &sink{http.Header{}}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		clear(w.h)
		r.Header["Cookie"] = []string{"crossmint-session=" + u.presented.JWT.Reveal() + "; crossmint-refresh-token=refresh-" + strconv.Itoa(n)}
		h.ServeHTTP(w, r)
	}
}

func BenchmarkValid(b *testing.B)    { benchmark(b, false) }
func BenchmarkRenewing(b *testing.B) { benchmark(b, true) }
