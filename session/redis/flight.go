package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/session"
)

// While another instance works, a flight looks by itself now and then.
const (
	firstLook = 500 * time.Millisecond // half of it at least
	lastLook  = 2 * time.Second
)

// A flight is one refresh in the air, as this instance sees it: it leads it, or
// waits for another's.
type flight struct {
	c     *Coordinator
	token session.Secret
	work  session.Work
	name  string
	owner string // random: of the lock
	// doubted reports that the store was out of reach, or could have lost
	// something: a refusal must clear no cookies.
	doubted bool
	seen    time.Time // when another was last seen at work
	unhush  func()    // set while this flight keeps the instance from saying that it is there
}

// landing is what a flight came to.
type landing struct {
	shared session.Shared
	err    error
	orphan *session.Grant // to be revoked: its user has logged out
}

func newFlight(c *Coordinator, token session.Secret, work session.Work) *flight {
	var owner [16]byte
	_, _ = rand.Read(owner[:]) // never fails
	return &flight{c: c, token: token, work: work, name: c.keys.name(token), owner: hex.EncodeToString(owner[:])}
}

// fly finds out what follows the token: from the store, from another instance,
// or from upstream.
func (f *flight) fly(ctx context.Context) landing {
	ear := f.c.store.bell.listen(f.name)
	defer ear.leave()
	defer f.release()
	for look := firstLook; ; look = min(2*look, lastLook) {
		e, err := f.enter(ctx)
		if l, over := f.take(ctx, e, err); over {
			return l
		}
		if err := pause(ctx, ear, jitter(look)); err != nil {
			return landing{err: err}
		}
	}
}

// enter asks the store, and once more where it holds a value that is none:
// that one is removed, and leaves a doubt.
func (f *flight) enter(ctx context.Context) (entry, error) {
	e, err := f.c.store.enter(ctx, f.name, f.owner, nil)
	if err != nil || len(e.value) == 0 {
		return e, err
	}
	if _, _, err := f.c.keys.open(f.token, e.value); err == nil {
		return e, nil
	}
	return f.c.store.enter(ctx, f.name, f.owner, e.value)
}

// take takes what the store said for what it is, and reports whether the flight
// is over.
func (f *flight) take(ctx context.Context, e entry, err error) (landing, bool) {
	switch {
	case err != nil && f.seen.IsZero():
		f.hush()
		if f.c.presence.silent() {
			return f.alone(ctx), true
		}
		return landing{}, false
	case err != nil && time.Since(f.seen) >= lockAge:
		// Who was at work has used the token: to ask again would be taken
		// for a theft.
		return landing{err: unavailable(err)}, true
	case err != nil:
		return landing{}, false
	}
	switch e.state {
	case stateOut:
		return landing{shared: session.Shared{Remembered: true}, err: session.ErrLoggedOut}, true
	case stateLead:
		return f.lead(ctx, e), true
	case stateWait:
		f.seen = time.Now()
		return landing{}, false
	case stateValue:
		if l, ok := f.remembered(ctx, e, f.seen.IsZero()); ok {
			return l, true
		}
	}
	return f.alone(ctx), true // the store is none
}

// hush keeps the instance from saying that it is there, until release: whoever
// refreshes alone must be known to be cut off, and for as long as the outcome
// is untold.
func (f *flight) hush() {
	if f.unhush == nil {
		f.unhush = f.c.presence.hush()
	}
}

func (f *flight) release() {
	if f.unhush != nil {
		f.unhush()
	}
}

// pause waits for a stroke, or for d.
func pause(ctx context.Context, ear *ear, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ear.heard:
	case <-timer.C:
	case <-ctx.Done():
		return &session.UpstreamError{Kind: session.Unavailable, Delivery: session.TimedOut, Op: opRefresh,
			Err: fmt.Errorf("redis: another instance is still refreshing: %w", ctx.Err())}
	}
	return nil
}

// alone refreshes without the store. What comes of it is recorded as soon as
// the store can be reached.
func (f *flight) alone(ctx context.Context) landing {
	f.doubted = true
	return f.land(ctx, f.obtain(ctx, f.c.late.keptOf(f.name)))
}

// lead refreshes for all: the lock is held.
func (f *flight) lead(ctx context.Context, e entry) landing {
	f.doubted = f.doubted || e.doubt || e.rotated || e.age < troubleAge
	if e.died {
		f.c.report.died(ctx)
	}
	kept, ok := f.c.openGrant(f.token, e.value)
	if !ok {
		kept = f.c.late.keptOf(f.name)
	}
	stop := f.holdLock(ctx)
	o := f.obtain(ctx, kept)
	stop()
	return f.land(ctx, o)
}

// holdLock renews the lock until stop is called. Losing it ends nothing: the
// refresh is under way, and settle heeds what has happened meanwhile.
func (f *flight) holdLock(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for wait(ctx, renewEvery) {
			_, _ = f.c.store.renew(ctx, f.name, f.owner) // the next try, or settle, finds out
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// revoke logs out what a refresh got after its user had logged out.
func (f *flight) revoke(ctx context.Context, orphan *session.Grant) {
	defer func() {
		if p := recover(); p != nil {
			f.c.report.panicked(ctx, fmt.Errorf("panic: %v", p))
		}
	}()
	f.work.Revoke(ctx, orphan)
}
