// Package live ends what outlasts a request. A stream or a socket was opened
// with a session, and nobody asks for one again while it is open.
package live

import (
	"context"
	"errors"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Context returns a context that ends with the session in ctx: when its JWT
// expires, or at the next look, one every interval, after its user has logged
// out in this process with that JWT. A look costs no call to upstream.
//
// A logout elsewhere, or after the browser has renewed its session, leaves
// this JWT valid: what was opened with it then ends when it expires.
//
// It must run behind RequireSession. The caller calls the function that it
// returns, which ends the context, too.
func Context(ctx context.Context, sessions *session.Manager, interval time.Duration) (context.Context, context.CancelFunc) {
	s, _ := session.FromContext(ctx)
	ctx, end := context.WithDeadline(ctx, s.ExpiresAt)
	go func() {
		defer end()
		watch(ctx, sessions, s.JWT, interval)
	}()
	return ctx, end
}

// watch returns when ctx ends, or when jwt has become invalid. That nobody can
// tell now is no reason to end anything.
func watch(ctx context.Context, sessions *session.Manager, jwt session.Secret, interval time.Duration) {
	look := time.NewTicker(interval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if _, err := sessions.Verify(ctx, jwt); err != nil && !errors.Is(err, session.ErrUnavailable) {
			return
		}
	}
}
