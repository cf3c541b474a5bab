package session

import (
	"context"
	"errors"
	"sync"
)

// SessionContext returns a context for what outlasts a request, such as a
// WebSocket or server-sent events, and was opened with a session. It ends with
// ctx; when the session's JWT expires (its cause, by context.Cause, is then
// [ErrJWTExpired]); and at once when the user logs out in this process
// ([ErrLoggedOut]), in whatever browser: the others reconnect. A logout in
// another process ends it with the JWT, also where a fleet shares denials:
// those name no user.
//
// The caller calls the function that it returns, as for context.WithCancel.
func (m *Manager) SessionContext(ctx context.Context, s *AuthSession) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	ctx, cancel := context.WithDeadlineCause(ctx, s.ExpiresAt(), ErrJWTExpired)
	forget := m.live.add(s.UserID, func() { end(ErrLoggedOut) })
	context.AfterFunc(ctx, forget)
	// The user may have logged out between the request and now.
	switch _, _, err := m.upstream.Judge(ctx, s.JWT.Reveal(), false); {
	case err == nil, errors.Is(err, ErrUnavailable):
	case errors.Is(err, ErrLoggedOut):
		end(ErrLoggedOut)
	default:
		end(err)
	}
	return ctx, func() {
		cancel()
		end(context.Canceled)
	}
}

// connections knows what was opened with the sessions of each user. The zero
// value is empty. Its size is that of what the application keeps open.
type connections struct {
	mu    sync.Mutex // guards users
	users map[string]map[*connection]struct{}
}

// connection is one of them.
type connection struct{ end func() }

// add notes a connection and returns the function that forgets it.
func (c *connections) add(userID string, end func()) (forget func()) {
	own := &connection{end}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users == nil {
		c.users = map[string]map[*connection]struct{}{}
	}
	if c.users[userID] == nil {
		c.users[userID] = map[*connection]struct{}{}
	}
	c.users[userID][own] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.users[userID], own)
		if len(c.users[userID]) == 0 {
			delete(c.users, userID)
		}
	}
}

// end ends all connections of a user.
func (c *connections) end(userID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for own := range c.users[userID] {
		own.end()
	}
}
