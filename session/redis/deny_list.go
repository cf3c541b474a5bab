package redis

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// Bounds of the denied JWTs in the store: some 12 MiB.
const (
	// maxDenials is as many as an instance remembers. Beyond it the denials that
	// expire first are removed.
	maxDenials = bounds.MaxDenied
	// maxDenialTTL bounds the time for which the store keeps the denial of a JWT
	// that lives longer. A user whose sessions have all ended is denied for as long.
	maxDenialTTL = 30 * 24 * time.Hour
	// denialPageSize is the number of denials that one operation reads.
	denialPageSize = 512
)

var _ session.DenyListBroadcaster = (*Coordinator)(nil)

// Deny implements session.DenyListBroadcaster. It publishes the denial to the
// subscribed instances, and stores it for the others. If the store is
// unavailable, Deny returns an error, and the denial is published when the store
// is back.
func (c *Coordinator) Deny(ctx context.Context, digest [32]byte, until time.Time) error {
	if !c.begin() {
		return errClosed
	}
	defer c.end()
	publish := func(ctx context.Context) error { return c.denyList.publish(ctx, digest, until) }
	err := publish(ctx)
	if err != nil {
		err = errors.Join(err, c.logouts.add("denial "+string(digest[:]), &write{expiresAt: until, do: publish}))
	}
	return err
}

// OnDeny implements session.DenyListBroadcaster. From now on the coordinator is
// connected to the store, and keeps trying while it is unavailable.
func (c *Coordinator) OnDeny(callback func(digest [32]byte, until time.Time)) {
	if !c.begin() {
		return
	}
	defer c.end()
	c.denyList.start(callback)
}

// denyList shares the denied JWTs of an instance.
type denyList struct {
	store    *store
	keys     *keyring
	callback atomic.Pointer[func(digest, time.Time)]
	unread   chan struct{} // holds one element while denials from before the subscription have to be read
}

func newDenyList(s *store, keys *keyring) *denyList {
	l := &denyList{store: s, keys: keys, unread: make(chan struct{}, 1)}
	s.deployment, s.onDenial, s.onSubscribed = keys.deployment(), l.onMessage, l.setUnread
	return l
}

func (l *denyList) start(callback func(digest, time.Time)) {
	l.callback.Store(&callback)
	l.store.running.Go(l.run)
	l.store.connectNow()
}

func (l *denyList) publish(ctx context.Context, d digest, until time.Time) error {
	ttl := min(time.Until(until), maxDenialTTL)
	if ttl <= 0 {
		return nil
	}
	return l.store.deny(ctx, l.keys.sealDenial(d, until), ttl)
}

func (l *denyList) setUnread() {
	select {
	case l.unread <- struct{}{}:
	default:
	}
}

// onMessage passes a denial to the callback. Foreign values are ignored.
func (l *denyList) onMessage(sealed string) {
	d, until, ok := l.keys.openDenial(sealed)
	if callback := l.callback.Load(); ok && callback != nil {
		(*callback)(d, until)
	}
}

// run reads the denials after each subscription, until the store is closed.
func (l *denyList) run() {
	for {
		select {
		case <-l.unread:
		case <-l.store.stopped.Done():
			return
		}
		for l.read(l.store.stopped) != nil && backoff.Sleep(l.store.stopped, backoff.Jitter(outboxPause)) {
		}
	}
}

// read passes all denials of the store to the callback, the last to expire
// first: additions and removals meanwhile hide none of the others.
func (l *denyList) read(ctx context.Context) error {
	for offset := 0; offset < maxDenials; offset += denialPageSize {
		n, page, err := l.store.denials(ctx, offset)
		if err != nil {
			return err
		}
		for _, sealed := range page {
			l.onMessage(sealed)
		}
		if n < denialPageSize {
			break
		}
	}
	return nil
}
