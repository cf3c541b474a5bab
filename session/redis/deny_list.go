package redis

import (
	"context"
	"errors"
	"maps"
	"sync"
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
	// that lives longer.
	maxDenialTTL = 7 * 24 * time.Hour
	// denialPageSize is the number of denials that one operation reads.
	denialPageSize = 512
	// maxPendingDenials bounds the denials that wait for the store to recover.
	maxPendingDenials = 1024
)

var _ session.DenyListBroadcaster = (*Coordinator)(nil)

// Deny implements session.DenyListBroadcaster. It publishes the denial to the
// subscribed instances, and stores it for the others. If the store is
// unavailable, Deny returns an error and the denial is published later.
func (c *Coordinator) Deny(ctx context.Context, digest [32]byte, until time.Time) error {
	if !c.begin() {
		return errClosed
	}
	defer c.end()
	return c.denyList.deny(ctx, digest, until)
}

// OnDeny implements session.DenyListBroadcaster. From now on the coordinator is
// connected to the store, and keeps trying while it is unavailable.
func (c *Coordinator) OnDeny(callback func(digest [32]byte, until time.Time)) {
	if !c.begin() {
		return
	}
	defer c.end()
	c.denyList.start(callback)
	c.presence.start()
}

// denyList shares the denied JWTs of an instance.
type denyList struct {
	store  *store
	keys   *keyring
	wakeUp chan struct{} // holds one element while run has work

	mu       sync.Mutex // guards all below
	callback func(digest, time.Time)
	unread   bool // the store may hold denials that were published before the subscription
	pending  map[digest]time.Time
}

func newDenyList(s *store, keys *keyring) *denyList {
	l := &denyList{store: s, keys: keys, wakeUp: make(chan struct{}, 1), pending: map[digest]time.Time{}}
	s.deployment, s.onDenial, s.onSubscribed = keys.deployment(), l.onMessage, l.setUnread
	return l
}

func (l *denyList) start(callback func(digest, time.Time)) {
	l.mu.Lock()
	l.callback = callback
	l.mu.Unlock()
	l.store.running.Go(l.run)
	l.store.running.Go(l.store.keepConnected)
}

func (l *denyList) deny(ctx context.Context, d digest, until time.Time) error {
	err := l.publish(ctx, d, until)
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) >= maxPendingDenials {
		return errors.Join(err, errors.New("redis: too many logouts wait for the store"))
	}
	l.pending[d] = until
	l.signal()
	return err
}

func (l *denyList) publish(ctx context.Context, d digest, until time.Time) error {
	ttl := min(time.Until(until), maxDenialTTL)
	if ttl <= 0 {
		return nil
	}
	return l.store.deny(ctx, l.keys.sealDenial(d, until), ttl)
}

// signal makes run look for work.
func (l *denyList) signal() {
	select {
	case l.wakeUp <- struct{}{}:
	default:
	}
}

// setUnread notes that denials from before the subscription have to be read.
func (l *denyList) setUnread() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unread = l.callback != nil
	l.signal()
}

// onMessage passes a denial to the callback. Foreign values are ignored.
func (l *denyList) onMessage(sealed string) {
	d, until, ok := l.keys.openDenial(sealed)
	l.mu.Lock()
	callback := l.callback
	l.mu.Unlock()
	if ok && callback != nil {
		callback(d, until)
	}
}

// run catches up after each signal, until the store is closed.
func (l *denyList) run() {
	for {
		select {
		case <-l.wakeUp:
		case <-l.store.stopped.Done():
			return
		}
		for l.catchUp(l.store.stopped) != nil && backoff.Sleep(l.store.stopped, backoff.Jitter(latePause)) {
		}
	}
}

// catchUp publishes the pending denials and reads those that may be missing
// here.
func (l *denyList) catchUp(ctx context.Context) error {
	pending, unread := l.takePending()
	for d, until := range pending {
		if err := l.publish(ctx, d, until); err != nil {
			return err
		}
		l.markPublished(d)
	}
	if !unread {
		return nil
	}
	if err := l.read(ctx); err != nil {
		l.setUnread()
		return err
	}
	return nil
}

// takePending returns the pending denials, and reports whether the store has to
// be read. It resets the latter.
func (l *denyList) takePending() (pending map[digest]time.Time, unread bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unread, l.unread = l.unread, false
	return maps.Clone(l.pending), unread
}

func (l *denyList) markPublished(d digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, d)
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
