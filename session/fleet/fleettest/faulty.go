package fleettest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crossmint-go/auth/session/fleet"
)

// A Fault is what a [Faulty] store does to one operation. The zero value does no
// harm.
type Fault struct {
	// Delay passes before the operation, or ends it with the error of its context.
	Delay time.Duration
	// Before makes the operation fail without an effect.
	Before bool
	// After makes the operation fail although it has taken effect.
	After bool
	// Lose loses a message: Publish succeeds without an effect.
	Lose bool
	// Disconnect ends all current calls of Subscribe.
	Disconnect bool
}

// Operation names a method of a store.
type Operation string

// The operations of a store.
const (
	Load      Operation = "load"
	Swap      Operation = "swap"
	Publish   Operation = "publish"
	Subscribe Operation = "subscribe"
)

// ErrInjected is the error of a Fault.
var ErrInjected = errors.New("fleettest: injected error")

// A Faulty is a store that fails as a test chooses. Make it with [NewFaulty].
type Faulty struct {
	fleet.Store

	mu            sync.Mutex // guards all below
	choose        func(op Operation, key string) Fault
	counts        map[Operation]int
	subscriptions map[*subscription]bool
}

type subscription struct{ stop context.CancelCauseFunc }

// NewFaulty returns a store that works as long as [Faulty.SetFaults] was not called.
func NewFaulty(store fleet.Store) *Faulty {
	return &Faulty{Store: store, counts: map[Operation]int{}, subscriptions: map[*subscription]bool{}}
}

// SetFaults makes choose decide about each operation from now on; nil ends all
// faults. Calls of choose don't overlap.
func (f *Faulty) SetFaults(choose func(Operation) Fault) {
	if choose == nil {
		f.SetKeyFaults(nil)
		return
	}
	f.SetKeyFaults(func(op Operation, _ string) Fault { return choose(op) })
}

// SetKeyFaults is SetFaults with the key or the topic of each operation.
func (f *Faulty) SetKeyFaults(choose func(op Operation, key string) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choose = choose
}

// Count returns the number of operations so far.
func (f *Faulty) Count(op Operation) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op]
}

// Disconnect ends all current calls of Subscribe.
func (f *Faulty) Disconnect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.disconnectLocked()
}

func (f *Faulty) disconnectLocked() {
	for s := range f.subscriptions {
		s.stop(ErrInjected)
	}
}

// begin chooses the fault of an operation, and waits for its delay.
func (f *Faulty) begin(ctx context.Context, op Operation, key string) (fault Fault, err error) {
	f.mu.Lock()
	f.counts[op]++
	if f.choose != nil {
		fault = f.choose(op, key)
	}
	if fault.Disconnect {
		f.disconnectLocked()
	}
	f.mu.Unlock()
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fault, ctx.Err()
		}
	}
	if fault.Before {
		return fault, ErrInjected
	}
	return fault, nil
}

// end returns the error of an operation that has taken effect.
func (f Fault) end(err error) error {
	if f.After {
		return ErrInjected
	}
	return err
}

// Load implements fleet.Store.
func (f *Faulty) Load(ctx context.Context, key string) (fleet.Record, error) {
	fault, err := f.begin(ctx, Load, key)
	if err != nil {
		return fleet.Record{}, err
	}
	r, err := f.Store.Load(ctx, key)
	return r, fault.end(err)
}

// Swap implements fleet.Store.
func (f *Faulty) Swap(ctx context.Context, key string, version uint64, value []byte, ttl time.Duration) (fleet.Record, bool, error) {
	fault, err := f.begin(ctx, Swap, key)
	if err != nil {
		return fleet.Record{}, false, err
	}
	r, swapped, err := f.Store.Swap(ctx, key, version, value, ttl)
	return r, swapped, fault.end(err)
}

// Publish implements fleet.Store.
func (f *Faulty) Publish(ctx context.Context, topic string, message []byte) error {
	fault, err := f.begin(ctx, Publish, topic)
	if err != nil || fault.Lose {
		return err
	}
	return fault.end(f.Store.Publish(ctx, topic, message))
}

// Subscribe implements fleet.Store.
func (f *Faulty) Subscribe(ctx context.Context, topic string, ready func(), receive func(message []byte)) error {
	if _, err := f.begin(ctx, Subscribe, topic); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s := &subscription{stop}
	f.mu.Lock()
	f.subscriptions[s] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscriptions, s)
	}()
	err := f.Store.Subscribe(ctx, topic, ready, receive)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
