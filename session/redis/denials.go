package redis

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/crossmint-go/auth/session"
)

// The bounds of what the store holds of denied JWTs: some 12 MiB.
const (
	// maxDenials is as many as an instance remembers. Beyond it those that end
	// first are forgotten first.
	maxDenials = 1 << 16
	// denialAge bounds what an instance that starts later can learn of a JWT
	// that lives longer.
	denialAge = 7 * 24 * time.Hour
	// denialPage is how many are read in one operation.
	denialPage = 512
	// maxUntold bounds those that wait for the store to come back.
	maxUntold = 1024
)

var _ session.Denier = (*Coordinator)(nil)

// Deny implements session.Denier: it tells the instances that listen, and
// leaves the denial for those that do not. What the store could not be told is
// told as soon as it can.
func (c *Coordinator) Deny(ctx context.Context, digest [32]byte, until time.Time) error {
	if !c.begin() {
		return errClosed
	}
	defer c.end()
	return c.denials.deny(ctx, digest, until)
}

// OnDenied implements session.Denier. From now on the coordinator is connected
// to the store, and goes on trying while it cannot be.
func (c *Coordinator) OnDenied(learn func(digest [32]byte, until time.Time)) {
	if !c.begin() {
		return
	}
	defer c.end()
	c.denials.start(learn)
	c.presence.start()
}

// denials is what an instance shares of denied JWTs.
type denials struct {
	store *store
	keys  *keyring
	due   chan struct{} // holds one element while there is something to catch up on

	mu     sync.Mutex // guards all below
	learn  func(digest, time.Time)
	unread bool // the instance has begun to listen, and may have missed some
	untold map[digest]time.Time
}

func newDenials(s *store, keys *keyring) *denials {
	d := &denials{store: s, keys: keys, due: make(chan struct{}, 1), untold: map[digest]time.Time{}}
	s.fleet, s.onDenial, s.onListening = keys.fleet(), d.hear, d.missed
	return d
}

func (d *denials) start(learn func(digest, time.Time)) {
	d.mu.Lock()
	d.learn = learn
	d.mu.Unlock()
	d.store.running.Go(d.run)
	d.store.running.Go(d.store.attend)
}

func (d *denials) deny(ctx context.Context, dig digest, until time.Time) error {
	err := d.tell(ctx, dig, until)
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.untold) >= maxUntold {
		return errors.Join(err, errors.New("redis: too many logouts wait for the store"))
	}
	d.untold[dig] = until
	d.wake()
	return err
}

func (d *denials) tell(ctx context.Context, dig digest, until time.Time) error {
	left := min(time.Until(until), denialAge)
	if left <= 0 {
		return nil
	}
	return d.store.deny(ctx, d.keys.sealDenial(dig, until), left)
}

// wake has run look.
func (d *denials) wake() {
	select {
	case d.due <- struct{}{}:
	default:
	}
}

// missed notes that the instance listens from now on, and not before.
func (d *denials) missed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unread = d.learn != nil
	d.wake()
}

// hear learns a denial. What does not open is somebody else's.
func (d *denials) hear(sealed string) {
	dig, until, ok := d.keys.openDenial(sealed)
	d.mu.Lock()
	learn := d.learn
	d.mu.Unlock()
	if ok && learn != nil {
		learn(dig, until)
	}
}

// run catches up whenever there is something to, until the store is closed.
func (d *denials) run() {
	for {
		select {
		case <-d.due:
		case <-d.store.stopped.Done():
			return
		}
		for d.catchUp(d.store.stopped) != nil && wait(d.store.stopped, jitter(latePause)) {
		}
	}
}

// catchUp tells what is untold and reads what may have been missed.
func (d *denials) catchUp(ctx context.Context) error {
	untold, unread := d.open()
	for dig, until := range untold {
		if err := d.tell(ctx, dig, until); err != nil {
			return err
		}
		d.told(dig)
	}
	if !unread {
		return nil
	}
	if err := d.read(ctx); err != nil {
		d.missed()
		return err
	}
	return nil
}

// open returns what is to be caught up on, and takes the reading on.
func (d *denials) open() (untold map[digest]time.Time, unread bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	unread, d.unread = d.unread, false
	return maps.Clone(d.untold), unread
}

func (d *denials) told(dig digest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.untold, dig)
}

// read learns all that the store holds, from those that end last on: what is
// added or forgotten meanwhile moves none of the others out of sight.
func (d *denials) read(ctx context.Context) error {
	for offset := 0; offset < maxDenials; offset += denialPage {
		n, page, err := d.store.denials(ctx, offset)
		if err != nil {
			return err
		}
		for _, sealed := range page {
			d.hear(sealed)
		}
		if n < denialPage {
			break
		}
	}
	return nil
}
