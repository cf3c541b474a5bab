package fleet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// The denied JWTs of a deployment are in denialParts records of sealed denials, one
// after the other. The name of a JWT chooses the record.
const (
	denialParts = 64
	// maxPartDenials bounds the denials of a part. All parts together have room
	// for as many as an instance remembers, and for a quarter more, because parts
	// differ. Beyond it the denials that expire first are removed.
	maxPartDenials = bounds.MaxDenied / denialParts * 5 / 4
	// maxDenialTTL bounds the time for which the store keeps the denial of a JWT
	// that lives longer. A user whose sessions have all ended is denied for as long.
	maxDenialTTL = 30 * 24 * time.Hour
	// reportedReadFailures is the number of failures in a row that are reported.
	reportedReadFailures = 3
	// denialReadDelay spreads the instances that connect again at the same time.
	denialReadDelay = time.Second
)

var _ session.DenyListBroadcaster = (*Coordinator)(nil)

// Deny implements session.DenyListBroadcaster. It stores the denial, and publishes
// it to the subscribed instances. If the store is unavailable, Deny returns an error,
// and the denial is published when the store is back.
func (c *Coordinator) Deny(ctx context.Context, digest [sha256.Size]byte, until time.Time) error {
	if !c.begin() {
		return errClosed
	}
	defer c.end()
	return c.deny(ctx, digest, until)
}

func (c *Coordinator) deny(ctx context.Context, digest digest, until time.Time) error {
	publish := func(ctx context.Context) (err error) {
		for _, l := range c.denyLists {
			err = errors.Join(err, l.publish(ctx, digest, until))
		}
		return err
	}
	err := publish(ctx)
	if err != nil {
		err = errors.Join(err, c.logouts.add(digest, &write{expiresAt: until, do: publish}))
	}
	return err
}

// OnDeny implements session.DenyListBroadcaster. From now on the coordinator is
// connected to the store, and keeps trying while it is unavailable.
func (c *Coordinator) OnDeny(callback func(digest [sha256.Size]byte, until time.Time)) {
	if !c.begin() {
		return
	}
	defer c.end()
	for _, l := range c.denyLists {
		l.callback = callback
		l.operations.running.Go(l.readAfterSubscriptions)
		l.operations.running.Go(l.subscribe)
	}
}

// denyList shares the denied JWTs of an instance.
type denyList struct {
	operations *operations
	keys       *keyring
	callback   func(digest, time.Time)
	unread     chan struct{}       // holds one element while denials from before the subscription have to be read
	versions   [denialParts]uint64 // of the parts that were read
}

// publish stores a denial and tells the subscribed instances.
func (l *denyList) publish(ctx context.Context, d digest, until time.Time) error {
	now := time.Now()
	if !until.After(now) {
		return nil
	}
	if latest := now.Add(maxDenialTTL); until.After(latest) {
		until = latest
	}
	sealed, k := l.keys.sealDenial(d, until), l.keys.denialsKey(l.keys.part(d))
	_, err := run(ctx, l.operations, opLogout, k.group, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, errors.Join(l.add(ctx, k, sealed), l.operations.store.Publish(ctx, l.keys.denialsTopic(), sealed))
	})
	return err
}

// add adds a sealed denial to its part.
func (l *denyList) add(ctx context.Context, k key, sealed []byte) error {
	r, err := l.operations.read(ctx, k)
	for range maxSwaps {
		if err != nil {
			return err
		}
		denials := append(splitDenials(r.Value, r.Now), sealed)
		slices.SortFunc(denials, func(a, b []byte) int { return sealedExpiry(b).Compare(sealedExpiry(a)) })
		denials = denials[:min(len(denials), maxPartDenials)]
		ttl := min(sealedExpiry(denials[0]).Sub(r.Now), maxDenialTTL)
		var swapped bool
		if r, swapped, err = l.operations.swap(ctx, k, r.Version, slices.Concat(denials...), ttl); swapped {
			return nil
		}
	}
	return errors.Join(err, errContention)
}

// splitDenials returns the denials of a part that have not expired. Foreign values
// are ignored.
func splitDenials(part []byte, now time.Time) (denials [][]byte) {
	for sealed := range slices.Chunk(part[:min(len(part), maxPartDenials*denialBytes)], denialBytes) {
		if len(sealed) == denialBytes && sealed[0] == byte(kindDenial) && sealedExpiry(sealed).After(now) {
			denials = append(denials, sealed)
		}
	}
	return denials
}

// subscribe receives denials until the coordinator is closed.
func (l *denyList) subscribe() {
	o := l.operations
	var unsubscribed atomic.Bool
	o.subscribe(o.stopped, l.keys.denialsTopic(), l.receive, func() {
		select {
		case l.unread <- struct{}{}:
		default:
		}
		if unsubscribed.Swap(false) {
			o.recovered(opLogout)
		}
	}, func(err error) {
		if !unsubscribed.Swap(true) {
			o.degraded(o.stopped, opLogout, fmt.Errorf("not subscribed: %w", err))
		}
	})
}

// receive passes a denial to the callback. Foreign values are ignored.
func (l *denyList) receive(sealed []byte) {
	if d, until, ok := l.keys.openDenial(sealed); ok {
		l.callback(d, until)
	}
}

// readAfterSubscriptions reads the denials after each subscription, until the
// coordinator is closed.
func (l *denyList) readAfterSubscriptions() {
	stopped := l.operations.stopped
	for isFirst := true; ; isFirst = false {
		select {
		case <-l.unread:
		case <-stopped.Done():
			return
		}
		if !isFirst {
			backoff.Sleep(stopped, backoff.Jitter(denialReadDelay))
		}
		l.readAll(stopped)
	}
}

// readAll passes the denials of all parts to the callback. A part that cannot be read is
// tried again after the others.
func (l *denyList) readAll(ctx context.Context) {
	parts := make([]byte, denialParts)
	for part := range parts {
		parts[part] = byte(part)
	}
	for failures := 0; len(parts) > 0; parts = parts[1:] {
		err := l.readPart(ctx, parts[0])
		if err == nil {
			if failures >= reportedReadFailures {
				l.operations.recovered(opLogout)
			}
			failures = 0
			continue
		}
		parts = append(parts, parts[0])
		if failures++; failures == reportedReadFailures {
			l.operations.degraded(ctx, opLogout, fmt.Errorf("denials not read: %w", err))
		}
		if !backoff.Sleep(ctx, backoff.Jitter(outboxPause)) {
			return
		}
	}
}

func (l *denyList) readPart(ctx context.Context, part byte) error {
	// Many instances that read at once may delay the store. The refreshes must not
	// leave it alone for that.
	r, err := exec(ctx, l.operations, func(ctx context.Context) (Record, error) {
		return l.operations.read(ctx, l.keys.denialsKey(part))
	})
	if err != nil || r.Version == l.versions[part] {
		return err
	}
	for _, sealed := range splitDenials(r.Value, r.Now) {
		l.receive(sealed)
	}
	l.versions[part] = r.Version
	return nil
}
