package fleet

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/session"
)

const (
	// maxPendingLogouts bounds the tombstones and the denied JWTs that wait for
	// the store, and maxPendingOutcomes the outcomes of refreshes.
	maxPendingLogouts  = 4096
	maxPendingOutcomes = 1024
	// outboxPause is the pause between two tries, half of it at least.
	outboxPause = time.Second
	// revokeTimeout bounds the revocation of a grant that was committed late.
	revokeTimeout = 10 * time.Second
)

// An outbox holds writes that the store has missed, and makes them when it is
// back. Its goroutine runs only while there are some.
type outbox struct {
	operations *operations
	limit      int

	mu      sync.Mutex // guards all below
	running bool
	pending map[string]*write
}

// A write changes the store. It is of no use after its expiry.
type write struct {
	expiresAt  time.Time
	do         func(context.Context) error
	unverified *session.Grant // if the write is the commit of one
}

func newOutbox(o *operations, limit int) *outbox {
	return &outbox{operations: o, limit: limit, pending: map[string]*write{}}
}

var errTooManyPending = errors.New("fleet: too many writes wait for the store")

// add adds a write, which replaces an earlier one of the same key. Only a call or
// a logout that runs calls add, and so before Close has returned.
func (o *outbox) add(key string, w *write) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending[key] == nil && len(o.pending) >= o.limit {
		return errTooManyPending
	}
	o.pending[key] = w
	if !o.running {
		o.running = true
		o.operations.running.Go(o.run)
	}
	return nil
}

// get returns the pending write of a key, or nil.
func (o *outbox) get(key string) *write {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pending[key]
}

// remove removes the pending write of a key: a later one has succeeded.
func (o *outbox) remove(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.pending, key)
}

// run makes the pending writes, until none is left or the store is closed.
func (o *outbox) run() {
	for backoff.Sleep(o.operations.stopped, backoff.Jitter(outboxPause)) {
		for key, w := range o.all() {
			if o.get(key) != w {
				continue
			}
			if time.Now().After(w.expiresAt) || w.do(o.operations.stopped) == nil {
				o.finish(key, w)
			}
		}
		if o.stopIfEmpty() {
			return
		}
	}
}

// all returns a copy of the pending writes.
func (o *outbox) all() map[string]*write {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.pending)
}

// finish removes a write, unless another one has replaced it.
func (o *outbox) finish(key string, w *write) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending[key] == w {
		delete(o.pending, key)
	}
}

func (o *outbox) stopIfEmpty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running = len(o.pending) > 0
	return !o.running
}
