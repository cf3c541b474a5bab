package redis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

const (
	// maxLate bounds the outcomes that wait for the store to come back.
	maxLate = 1024
	// latePause is the pause between two tries, half of it at least.
	latePause = time.Second
	// lateRevoke bounds the revocation of a grant that was committed late.
	lateRevoke = 10 * time.Second
)

// latecomers are outcomes that could not be committed to the store. They are
// committed as soon as it is available, while they matter: a grant for as long
// as the fleet must know that its token was rotated, an unverified grant for as
// long as it is stored, and every other outcome until the lock has expired,
// because a store that hung may take the lock when it wakes up.
type latecomers struct {
	stopped context.Context
	running sync.WaitGroup
	places  chan struct{} // holds one element per outcome
	missing atomic.Int64  // when an outcome was last given up, in Unix ns

	mu   sync.Mutex                // guards kept
	kept map[string]*session.Grant // unverified grants, by name
}

func newLatecomers(stopped context.Context) *latecomers {
	return &latecomers{stopped: stopped, places: make(chan struct{}, maxLate), kept: map[string]*session.Grant{}}
}

// add takes an outcome on, if there is room: it is no more than a help. Only a
// call in flight calls it, and so before Close waits.
func (l *latecomers) add(f *call, o outcome) {
	select {
	case l.places <- struct{}{}:
	default:
		l.miss(o)
		return
	}
	if o.kind == kindUnverified {
		l.keep(f.name, o.grant)
	}
	timeout := lockTTL
	switch o.kind {
	case kindGrant:
		timeout = bounds.UsedTTL
	case kindUnverified:
		timeout = bounds.UnverifiedTTL
	}
	until := time.Now().Add(f.c.ttl(o.kind))
	last := time.Now().Add(timeout)
	l.running.Go(func() {
		defer func() { <-l.places }()
		if o.kind == kindUnverified {
			defer l.forget(f.name, o.grant)
		}
		for time.Now().Before(last) && backoff.Sleep(l.stopped, backoff.Jitter(latePause)) {
			if o.kind == kindUnverified && l.keptOf(f.name) != o.grant {
				return // it has been verified since
			}
			e, err := f.commit(l.stopped, o, until)
			if err == nil {
				l.heed(f, o, e.state)
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

// untold returns the number of outcomes that wait.
func (l *latecomers) untold() int { return len(l.places) }

// keptOf returns the unverified grant of a name that could not be committed, or
// nil.
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

// forget removes an unverified grant, unless another one has replaced it.
func (l *latecomers) forget(name string, grant *session.Grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept[name] == grant {
		delete(l.kept, name)
	}
}

// heed revokes a grant whose user had logged out before it was committed.
func (l *latecomers) heed(f *call, o outcome, state state) {
	if state != stateLoggedOut || o.grant == nil {
		return
	}
	ctx, cancel := context.WithTimeout(l.stopped, lateRevoke)
	defer cancel()
	f.calls.Revoke(ctx, o.grant)
}

// miss notes that an outcome is given up. Only a rotation counts: the other
// instances would have to know it.
func (l *latecomers) miss(o outcome) {
	if o.kind == kindGrant || o.kind == kindUnverified {
		l.missing.Store(time.Now().UnixNano())
	}
}
