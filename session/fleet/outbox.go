package fleet

import (
	"context"
	"errors"
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

// An outbox holds writes that the store has missed, and makes them when it is back, one
// at a time: it may still be slow.
type outbox struct {
	operations *operations
	limit      int
	writing    chan struct{} // holds one element during a write

	mu      sync.Mutex     // guards pending
	pending map[any]*write // by the name of a token, or the digest of a JWT
}

// A write changes the store. It is of no use after its expiry.
type write struct {
	expiresAt  time.Time
	do         func(context.Context) error
	unverified *session.Grant // if the write is the commit of one
}

func newOutbox(o *operations, limit int) *outbox {
	return &outbox{operations: o, limit: limit, writing: make(chan struct{}, 1), pending: map[any]*write{}}
}

var errTooManyPending = errors.New("fleet: too many writes wait for the store")

// add adds a write, which replaces an earlier one of the same key. Only a call or
// a logout that runs calls add, and so before Close has returned.
func (o *outbox) add(key any, w *write) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending[key] == nil && len(o.pending) >= o.limit {
		return errTooManyPending
	}
	o.pending[key] = w
	o.operations.running.Go(func() {
		for backoff.Sleep(o.operations.stopped, backoff.Jitter(outboxPause)) && !o.try(key, w) {
			continue
		}
	})
	return nil
}

// try makes a write. It reports whether that is done: it has succeeded or expired, or
// another one has replaced it.
func (o *outbox) try(key any, w *write) (done bool) {
	o.writing <- struct{}{}
	defer func() { <-o.writing }()
	if o.get(key) == w && time.Now().Before(w.expiresAt) && w.do(o.operations.stopped) != nil {
		return false
	}
	o.remove(key, w)
	return true
}

// get returns the pending write of a key, or nil.
func (o *outbox) get(key any) *write {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pending[key]
}

// remove removes the pending write of a key, unless that is another one than w. nil
// removes any: a later one has succeeded.
func (o *outbox) remove(key any, w *write) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w == nil || o.pending[key] == w {
		delete(o.pending, key)
	}
}
