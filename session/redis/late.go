package redis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/session"
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
	missing atomic.Int64  // when it last became certain that an outcome is never told, in Unix ns

	mu   sync.Mutex                // guards kept
	kept map[string]*session.Grant // grants that could not be judged, by name
}

func newLatecomers(stopped context.Context) *latecomers {
	return &latecomers{stopped: stopped, places: make(chan struct{}, maxLate), kept: map[string]*session.Grant{}}
}

// add takes an outcome on, where there is room: it is no more than a help. It
// is called by a flight only, and so before Close waits.
func (l *latecomers) add(f *flight, o outcome) {
	select {
	case l.places <- struct{}{}:
	default:
		l.miss(o)
		return
	}
	if o.kind == kindKept {
		l.keep(f.name, o.grant)
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
		if o.kind == kindKept {
			defer l.forget(f.name, o.grant)
		}
		for time.Now().Before(last) && wait(l.stopped, jitter(latePause)) {
			if o.kind == kindKept && l.keptOf(f.name) != o.grant {
				return // it has been judged since
			}
			said, err := f.record(l.stopped, o, until)
			if err == nil {
				l.heed(f, o, said.state)
				return
			}
		}
		l.miss(o)
	})
}

// lost reports whether an outcome was lost within a time.
func (l *latecomers) lost(within time.Duration) bool {
	return time.Since(time.Unix(0, l.missing.Load())) < within
}

// untold returns how many outcomes wait.
func (l *latecomers) untold() int { return len(l.places) }

// keptOf returns the grant that is kept under a name and that the store was not
// told of; nil: none.
func (l *latecomers) keptOf(name string) *session.Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept[name]
}

func (l *latecomers) keep(name string, grant *session.Grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept[name] = grant
}

// forget forgets a grant that was kept, unless another one is by now.
func (l *latecomers) forget(name string, grant *session.Grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept[name] == grant {
		delete(l.kept, name)
	}
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

// miss notes that an outcome will not be told. Only one that others would have to
// know counts: that a token was rotated.
func (l *latecomers) miss(o outcome) {
	if o.kind == kindGrant || o.kind == kindKept {
		l.missing.Store(time.Now().UnixNano())
	}
}
