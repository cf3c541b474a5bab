package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// SessionContext returns a context for a connection that outlasts its request,
// for example a WebSocket or server-sent events. It ends with ctx; when the
// session's JWT expires (then context.Cause is [ErrJWTExpired]); and at once when
// the user logs out in this process ([ErrLoggedOut]), in whatever browser: the
// other browsers reconnect. A logout in another process ends it only with the
// JWT, also where a fleet shares denials: those name no user. [Manager.LogoutUser]
// ends it in the whole fleet.
//
// The caller has to call the returned function, as for context.WithCancel.
func (m *Manager) SessionContext(ctx context.Context, s *AuthSession) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	ctx, cancel := context.WithDeadlineCause(ctx, s.ExpiresAt, ErrJWTExpired)
	remove := m.connections.add(userDigest(s.UserID), func() { end(ErrLoggedOut) })
	context.AfterFunc(ctx, remove)
	// The user may have logged out between the request and now.
	switch err := m.verifyPair(ctx, Pair{JWT: s.JWT}, time.Now()).err; {
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

// connections are the open connections of each user, by userDigest. The zero value is
// empty.
// Its size is that of the connections that the application keeps open.
type connections struct {
	mu    sync.Mutex // guards users
	users map[[sha256.Size]byte]map[*connection]struct{}
}

type connection struct{ close func() }

// add registers a connection and returns the function that removes it.
func (c *connections) add(user [sha256.Size]byte, closeFunc func()) (remove func()) {
	added := &connection{closeFunc}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users == nil {
		c.users = map[[sha256.Size]byte]map[*connection]struct{}{}
	}
	if c.users[user] == nil {
		c.users[user] = map[*connection]struct{}{}
	}
	c.users[user][added] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.users[user], added)
		if len(c.users[user]) == 0 {
			delete(c.users, user)
		}
	}
}

// closeAll closes all connections of a user.
func (c *connections) closeAll(user [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for open := range c.users[user] {
		open.close()
	}
}
