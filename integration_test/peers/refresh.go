package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// expiredPrefix marks the JWTs that instantUpstream treats as expired.
const expiredPrefix = "expired."

// instantUpstream is a session.Upstream that responds immediately. It verifies no
// signatures, so that only the cost of the refresh itself remains.
type instantUpstream struct {
	user    session.User
	expires string // the end of every refresh token
	grants  int
}

func (u *instantUpstream) Verify(_ context.Context, jwt string, now time.Time) (*session.Token, error) {
	token := &session.Token{JWT: session.NewSecret(jwt), UserID: u.user.ID, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
	if strings.HasPrefix(jwt, expiredPrefix) {
		token.ExpiresAt = now.Add(-time.Hour)
		return token, session.ErrJWTExpired
	}
	return token, nil
}

func (u *instantUpstream) VerifyReceived(ctx context.Context, jwt string) (*session.Token, error) {
	return u.Verify(ctx, jwt, time.Now())
}

func (u *instantUpstream) Refresh(context.Context, session.Secret) (*session.Grant, error) {
	u.grants++
	return &session.Grant{
		JWT:          session.NewSecret(fmt.Sprintf("fresh.%0*d", tokenSize, u.grants)),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(fmt.Sprintf("%043d", u.grants)), ExpiresAt: u.expires},
		User:         u.user,
		ReceivedAt:   time.Now(),
	}, nil
}

func (u *instantUpstream) Logout(context.Context, session.Secret) error { return nil }

// silentRefresh measures protected requests whose JWT has expired.
func silentRefresh(ctx context.Context, p plan, up *upstream, r *report) error {
	instant := &instantUpstream{user: up.user, expires: time.Now().Add(24 * time.Hour).Format(time.RFC3339)}
	sessions, err := session.NewManager(session.Config{Upstream: instant, OnEvent: func(context.Context, event.Event) {}})
	if err != nil {
		return err
	}
	defer func() { _ = sessions.Close(context.WithoutCancel(ctx)) }()
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: vendorProject})
	if err != nil {
		return err
	}
	handler := middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(writeUserID))
	slots := []slot{refreshSlot(p, handler, up.user.ID)}
	if err := measureRounds(ctx, p, slots); err != nil {
		return err
	}
	if want := 2 * p.rounds * p.slow; instant.grants != want {
		return fmt.Errorf("%d refreshes, want %d", instant.grants, want)
	}
	r.table(fmt.Sprintf("A silent refresh, called directly, upstream responds immediately: medians of %d rounds", p.rounds), [][]string{
		{"", "ns", "allocs", "bytes"},
		append([]string{oursName}, costs(slots[0].samples)...),
	})
	return nil
}

// refreshSlot returns a slot whose requests all have tokens of their own, so that
// no refresh serves two of them. measure calls work twice as often as it counts.
func refreshSlot(p plan, handler http.Handler, userID string) slot {
	w, made := newWriter(), 0
	var requests []*http.Request
	return slot{
		name: "silent refresh", kind: ours, n: p.slow,
		begin: func() {
			for range 2 * p.slow {
				made++
				jwt := fmt.Sprintf("%s%0*d", expiredPrefix, tokenSize, made)
				requests = append(requests, newRequest(cookies(jwtCookie, jwt, fmt.Sprintf("old%040d", made))))
			}
		},
		prepare: w.reset,
		work: func() {
			w.serve(handler, requests[0])
			requests = requests[1:]
		},
		verify: func() error { return w.verify(userID) },
	}
}
