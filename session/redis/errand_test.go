package redis_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
)

// errand is session.Work that counts and can be told what to do.
type errand struct {
	ask    func(ctx context.Context, token session.Secret) (*session.Grant, error)
	judge  func(*session.Grant) error
	revoke func(*session.Grant)

	asked, judged, revoked atomic.Int64
}

func (e *errand) Ask(ctx context.Context, token session.Secret) (*session.Grant, error) {
	e.asked.Add(1)
	if e.ask == nil {
		return successor(token), nil
	}
	return e.ask(ctx, token)
}

func (e *errand) Judge(_ context.Context, g *session.Grant) error {
	e.judged.Add(1)
	if e.judge == nil {
		return nil
	}
	return e.judge(g)
}

func (e *errand) Revoke(_ context.Context, g *session.Grant) {
	e.revoked.Add(1)
	if e.revoke != nil {
		e.revoke(g)
	}
}

// wantAsked checks how often upstream was asked.
func (e *errand) wantAsked(t *testing.T, want int64) {
	t.Helper()
	if got := e.asked.Load(); got != want {
		t.Errorf("upstream was asked %d times, want %d", got, want)
	}
}

// successor is the grant of an upstream that appends a prime to a token.
func successor(token session.Secret) *session.Grant {
	return &session.Grant{RefreshToken: session.RefreshToken{Secret: session.NewSecret(token.Reveal() + "'")}, JWT: session.NewSecret("jwt")}
}

// held is an upstream that answers when it is let.
func held(let <-chan struct{}) func(context.Context, session.Secret) (*session.Grant, error) {
	return func(ctx context.Context, token session.Secret) (*session.Grant, error) {
		select {
		case <-let:
			return successor(token), nil
		case <-ctx.Done():
			return nil, &session.UpstreamError{Delivery: session.TimedOut, Err: ctx.Err()}
		}
	}
}

func slow(d time.Duration) func(context.Context, session.Secret) (*session.Grant, error) {
	return func(ctx context.Context, token session.Secret) (*session.Grant, error) {
		let := make(chan struct{})
		timer := time.AfterFunc(d, func() { close(let) })
		defer timer.Stop()
		return held(let)(ctx, token)
	}
}

func refuse(context.Context, session.Secret) (*session.Grant, error) {
	return nil, &session.UpstreamError{Kind: session.Refused, Status: 401}
}

func cannotTell(*session.Grant) error {
	return &session.UpstreamError{Kind: session.Unavailable, Op: "keys"}
}

// do is Do that wants a grant for token, and returns its refresh token.
func do(t *testing.T, c session.Coordinator, token string, work session.Work) string {
	t.Helper()
	shared, err := c.Do(t.Context(), session.NewSecret(token), work)
	if err != nil {
		t.Errorf("Do(%s): %v", token, err)
		return ""
	}
	return shared.Grant.RefreshToken.Secret.Reveal()
}

// fail is Do that wants an error.
func fail(t *testing.T, c session.Coordinator, token string, work session.Work) error {
	t.Helper()
	_, err := c.Do(t.Context(), session.NewSecret(token), work)
	if err == nil {
		t.Errorf("Do(%s) did not fail", token)
	}
	return err
}
