package session_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// instantUpstream responds at once and rotates every token. Presented JWTs have
// expired, received ones are valid.
type instantUpstream struct {
	session.Upstream
	expired, valid *session.Token
}

func newInstantUpstream() instantUpstream {
	token := func(letter string, expiresAt time.Time) *session.Token {
		jwt := session.NewSecret("e30." + strings.Repeat(letter, 700) + ".c2ln")
		return &session.Token{JWT: jwt, UserID: "user", IssuedAt: expiresAt.Add(-time.Hour), ExpiresAt: expiresAt}
	}
	return instantUpstream{expired: token("a", time.Now().Add(-time.Minute)), valid: token("b", time.Now().Add(time.Hour))}
}

func (u instantUpstream) Verify(context.Context, string, time.Time) (*session.Token, error) {
	return u.expired, session.ErrJWTExpired
}

func (u instantUpstream) VerifyReceived(context.Context, string) (*session.Token, error) {
	return u.valid, nil
}

func (u instantUpstream) Refresh(_ context.Context, token session.Secret) (*session.Grant, error) {
	return &session.Grant{
		JWT:          u.valid.JWT,
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(token.Reveal() + "'")},
		User:         session.User{ID: "user"},
		ReceivedAt:   time.Now(),
	}, nil
}

// BenchmarkSilentRefresh measures Authenticate for an expired JWT and the delivery
// of the session, each time with a new refresh token, without the network.
func BenchmarkSilentRefresh(b *testing.B) {
	u := newInstantUpstream()
	m, err := session.NewManager(session.Config{Upstream: u, OnEvent: func(context.Context, event.Event) {}})
	testkit.NoError(b, err)
	defer func() { _ = m.Close(context.Background()) }()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		material := session.Material{JWT: u.expired.JWT, RefreshToken: session.NewSecret("refresh-token-" + strconv.Itoa(n))}
		result, err := m.Authenticate(b.Context(), material)
		if err != nil || result.Renewed == nil {
			b.Fatal(result, err)
		}
		if err := result.Check(); err != nil {
			b.Fatal(err)
		}
		result.Renewed.Delivered(b.Context(), nil)
	}
}
