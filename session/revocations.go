package session

import (
	"context"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session/event"
)

// A logout that upstream has not received is sent again in the background: a
// refresh token must not outlive its user's logout because of an outage.
const (
	// maxRevocations bounds the logouts that wait for upstream, of about 4 KiB each.
	maxRevocations = 1 << 10
	// revocationDelay is the first delay; each next delay is twice as long, up to
	// maxRevocationDelay.
	revocationDelay    = 5 * time.Second
	maxRevocationDelay = 5 * time.Minute
	// revocationTTL is the time after which a logout is given up. For as long, a
	// tombstone keeps this process from using the token.
	revocationTTL = bounds.UsedTTL
)

// revokeLater makes upstream end a token as soon as it can, until the manager is
// closed. The event of the logout that has failed tells about tokens beyond
// maxRevocations.
//
// Err is the reason for which the first try has failed. A refusal is final.
func (m *Manager) revokeLater(token Secret, user string, err error) {
	if hasKind(err, ErrRefused) || !m.revocations.Acquire() {
		return
	}
	token = token.clone()
	m.coordinator.inBackground(func() {
		defer m.revocations.Release()
		m.revokeUntilClosed(m.coordinator.closing, token, user)
	})
}

func (m *Manager) revokeUntilClosed(ctx context.Context, token Secret, user string) {
	started := time.Now()
	e := event.Event{Outcome: event.Revoked, Op: "logout", UserID: user, Token: m.hasher.fingerprint(token)}
	for delay := revocationDelay; ; delay = min(2*delay, maxRevocationDelay) {
		if !backoff.Sleep(ctx, backoff.Jitter(delay)) {
			return
		}
		e.Err = recoverPanic(ctx, m.report, "logout", func() error { return m.revokeOnce(ctx, token) })
		e.UpstreamStatus, e.Latency = statusOf(e.Err), time.Since(started)
		if e.Err == nil || hasKind(e.Err, ErrRefused) {
			m.report(ctx, e)
			return
		}
		if time.Since(started) >= revocationTTL {
			e.Outcome = event.RevokeFailed
			m.report(ctx, e)
			return
		}
	}
}

func (m *Manager) revokeOnce(ctx context.Context, token Secret) error {
	ctx, cancel := context.WithTimeout(ctx, m.config.LogoutTimeout)
	defer cancel()
	return m.upstream.Logout(ctx, token)
}
