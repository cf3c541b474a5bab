package session

import (
	"context"
	"sync"
	"time"
)

// The early refresh: in the last part of a JWT's life, so that the wait for
// upstream falls on nobody.
const (
	// earlyWindow is the longest such part, in milliseconds; short-lived JWTs
	// have a tenth.
	earlyWindow   = 30_000
	earlyFraction = 10
	// earlyPause is how long a token is left alone after an early refresh
	// that failed.
	earlyPause = 5 * time.Second
	// maxEarlyFailures bounds how many such tokens are remembered.
	maxEarlyFailures = 1 << 14
)

// inEarlyWindow reports whether c's JWT is valid but not for long.
func (m *Manager) inEarlyWindow(c *candidate) bool {
	remaining := c.remaining()
	if remaining >= earlyWindow || c.verdict != nil || c.refresh.IsZero() || c.token.IssuedAt == 0 {
		return false
	}
	return earlyFraction*remaining < 1000*(c.token.ExpiresAt-c.token.IssuedAt)
}

// refreshEarly tries to renew a session that still holds, and serves it as it
// is where that does not work out at once. It never clears anything.
func (m *Manager) refreshEarly(ctx context.Context, a *attempt, c *candidate) (Result, error) {
	secret := c.refresh
	if m.early.failed(m.hasher.key(secret)) {
		return m.admit(a.node, c), nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.config.EarlyRefreshWait)
	defer cancel()
	shared, token, err := m.exchange(ctx, a, c)
	if err == nil {
		result := m.renewed(Renewal{shared.Grant, c.source, nil}, token)
		m.noticeChange(ctx, a, result.Session)
		return result, nil
	}
	if ctx.Err() == nil { // else the refresh goes on, and the next request finds its result
		m.early.fail(m.hasher.key(secret))
		m.report(ctx, Event{Outcome: EarlyRefreshFailed, Op: a.op, UserID: c.token.UserID, Token: m.hasher.name(secret), Err: err})
	}
	return m.admit(a.node, c), nil
}

// earlyFailures remembers the tokens whose early refresh has failed.
type earlyFailures struct {
	mu     sync.Mutex // guards tokens
	tokens *memory[struct{}]
}

func newEarlyFailures() *earlyFailures {
	return &earlyFailures{tokens: newMemory[struct{}](earlyPause, maxEarlyFailures)}
}

func (f *earlyFailures) failed(k tokenKey) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, found := f.tokens.get(k)
	return found
}

func (f *earlyFailures) fail(k tokenKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens.put(k, struct{}{})
}
