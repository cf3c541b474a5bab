package session

import (
	"context"
	"crypto/sha256"
	"time"
)

// sharing returns who denies JWTs for the whole fleet, and who knows them by
// their digests; nil: each process denies for itself.
func (c *Config) sharing() (Denier, SharedDenier) {
	fleet, shares := c.Coordinator.(Denier)
	upstream, knows := c.Upstream.(SharedDenier)
	if !shares || !knows {
		return nil, nil
	}
	return fleet, upstream
}

// learnDenials has what other instances deny be denied here. The coordinator of a
// fleet is started by it, also where upstream can learn nothing.
func (m *Manager) learnDenials() {
	fleet, ok := m.config.Coordinator.(Denier)
	if !ok {
		return
	}
	upstream, learns := m.config.Upstream.(SharedDenier)
	fleet.OnDenied(func(digest [sha256.Size]byte, until time.Time) {
		if !learns {
			return
		}
		_ = m.coordinator.contain(context.Background(), "logout", func() error { upstream.DenyDigest(digest, until); return nil }) // reported
	})
}

// deny denies a JWT, here and in the fleet. That the fleet could not be told is
// for its coordinator to report: the session is ended all the same, and the
// user can do nothing about it.
func (m *Manager) deny(ctx context.Context, jwt string) {
	fleet, upstream := m.config.sharing()
	if fleet == nil {
		m.upstream.Deny(ctx, jwt)
		return
	}
	if digest, until, ok := upstream.DenyShared(ctx, jwt); ok {
		_ = m.coordinator.contain(ctx, "logout", func() error { return fleet.Deny(ctx, digest, until) })
	}
}
