package session

import (
	"context"
	"fmt"
	"strings"

	"github.com/crossmint-go/auth/internal/bounds"

	"github.com/crossmint-go/auth/internal/ttlmap"
	"github.com/crossmint-go/auth/session/event"
)

// Bounds for the tests.
const (
	DefaultGrace    = bounds.DefaultGrace
	MaxCalls        = maxCalls
	MaxDecodedTypes = maxDecodedTypes
	MaxGrants       = maxGrants
	MaxRejected     = maxRejected
	MaxUndelivered  = maxUndelivered
	MaxWaiters      = maxWaiters
	RejectedTTL     = rejectedTTL
	TombstoneTTL    = tombstoneTTL
	UnverifiedTTL   = unverifiedTTL

	UnsignedBurst    = unsignedBurst
	UnsignedInFlight = unsignedInFlight
	UnsignedQueue    = unsignedQueue

	WithdrawnInFlight = withdrawnInFlight
)

// ErrRefreshTokenMissing is the cause of an error.
var ErrRefreshTokenMissing = errRefreshTokenMissing

// LocalCoordinator is the in-process coordinator.
type LocalCoordinator = localCoordinator

// NewLocalCoordinator returns an in-process coordinator. shared may be nil.
func NewLocalCoordinator(shared Coordinator, report func(context.Context, event.Event)) *LocalCoordinator {
	return newLocalCoordinator(shared, newHasher(), bounds.DefaultGrace, report)
}

// Stats counts the calls in flight and the requests that wait for one.
func (c *localCoordinator) Stats() (calls, waiters int) { return c.stats() }

// SetWaiters sets the number of waiting requests.
func (c *localCoordinator) SetWaiters(n int64) { c.waiters.Store(n) }

// MapSize is the size of one of the coordinator's maps.
type MapSize struct{ Entries, Records, Limit int }

// Sizes returns the sizes of the coordinator's maps.
func (c *localCoordinator) Sizes() map[string]MapSize {
	c.mu.Lock()
	defer c.mu.Unlock()
	return map[string]MapSize{
		"recent": sizeOf(c.recent), "undelivered": sizeOf(c.undelivered), "unverified": sizeOf(c.unverified),
		"rejected": sizeOf(c.rejected), "used": sizeOf(c.used), "tombstones": sizeOf(c.tombstones),
	}
}

func sizeOf[V any](m *ttlmap.Map[tokenKey, V]) (size MapSize) {
	size.Entries, size.Records, size.Limit = m.Sizes()
	return size
}

// MarkDelivered notes that a browser has the grant of a token.
func (c *localCoordinator) MarkDelivered(token string) {
	c.markDelivered(c.hasher.key(NewSecret(token)))
}

// IsRecent reports whether the grant of a token is in the grace cache.
func (c *localCoordinator) IsRecent(token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, found := c.recent.Get(c.hasher.key(NewSecret(token)))
	return found
}

// MaxBackoffs bounds the tokens that upstream is not asked about for a while.
const MaxBackoffs = maxBackoffs

// HasherSecret returns the secret of the token keys, as fmt prints bytes.
func (m *Manager) HasherSecret() string {
	return strings.Trim(fmt.Sprintf("%d", []byte(m.hasher.secret.Reveal())), "[]")
}

// Connections counts the open connections.
func (m *Manager) Connections() (open int) {
	m.connections.mu.Lock()
	defer m.connections.mu.Unlock()
	for _, of := range m.connections.users {
		open += len(of)
	}
	return open
}

// ClaimsOf is Claims for a session that is not in a context.
func ClaimsOf[T any](s *AuthSession) (T, error) { return claimsOf[T](s) }
