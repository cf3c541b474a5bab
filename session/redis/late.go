package redis

import (
	"context"
	"sync"
	"time"
)

const (
	// maxLate bounds the outcomes that wait for the store to come back.
	maxLate = 1024
	// latePause is the pause between two tries, half of it at least.
	latePause = time.Second
	// lateRevoke bounds a revocation that the store told of late.
	lateRevoke = 10 * time.Second
)

// latecomers are outcomes that the store could not be told of. They are told
// as soon as it can, while they matter: a grant for as long as the fleet must
// know that its token was rotated, one that could not be judged for as long as
// it is kept, and anything else until the lock has run out, since a store that
// hung may take the lock when it wakes up.
type latecomers struct {
	stopped context.Context
	running sync.WaitGroup
	places  chan struct{} // holds one element per outcome
}

func newLatecomers(stopped context.Context) *latecomers {
	return &latecomers{stopped: stopped, places: make(chan struct{}, maxLate)}
}

// add takes an outcome on, where there is room: it is no more than a help. It
// is called by a flight only, and so before Close waits.
func (l *latecomers) add(f *flight, o outcome) {
	select {
	case l.places <- struct{}{}:
	default:
		return
	}
	patience := lockAge
	switch o.kind {
	case kindGrant:
		patience = recordAge
	case kindKept:
		patience = keptAge
	}
	until := time.Now().Add(f.c.ageOf(o.kind))
	last := time.Now().Add(patience)
	l.running.Go(func() {
		defer func() { <-l.places }()
		for time.Now().Before(last) && wait(l.stopped, jitter(latePause)) {
			said, err := f.record(l.stopped, o, until)
			if err == nil {
				l.heed(f, o, said.state)
				return
			}
		}
	})
}

// heed revokes what was handed out before its user's logout was known of.
func (l *latecomers) heed(f *flight, o outcome, state state) {
	if state != stateOut || o.grant == nil {
		return
	}
	ctx, cancel := context.WithTimeout(l.stopped, lateRevoke)
	defer cancel()
	f.revoke(ctx, o.grant)
}
