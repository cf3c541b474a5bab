package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/session/event"
)

// operations are the operations of an instance on its store. An operation ends after
// the timeout at the latest, and is not tried again.
type operations struct {
	store   Store
	timeout time.Duration
	breaker breaker
	clock   clock
	report  func(context.Context, event.Event)

	stopped context.Context // ends with close
	stop    context.CancelFunc
	running sync.WaitGroup
	topics  sync.Map // those of tokens that this instance is subscribed to
}

// A clock estimates the time of the store. Its zero value has not read any.
type clock struct {
	offset  atomic.Int64
	isKnown atomic.Bool
}

// set notes the time in a reply to an operation that started at a time of this
// instance. The estimate is late by the latency at most: then a lock or a tombstone
// lives longer, not shorter.
func (c *clock) set(now, started time.Time) {
	c.offset.Store(int64(now.Sub(started)))
	c.isKnown.Store(true)
}

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// A key names a record in the store. Keys with the same group fail together. The group
// is in octal: so the slots of a Redis Cluster, which CRC16 chooses, spread the groups
// evenly over the shards.
type key struct {
	group int
	text  string
}

func tokenKey(n name) key {
	group := int(n[0]) % groupCount
	return key{group, fmt.Sprintf("t%02o.%s", group, n)}
}

// probeKey returns the key of a record that the breaker writes for a moment.
func probeKey(group int) key { return key{group, fmt.Sprintf("t%02o.probe", group)} }

// topicOf returns the topic of the messages about a token.
func topicOf(n name) string { return "t." + n.String() }

// denialsKey returns the key of one part of the denied JWTs.
func (k *keyring) denialsKey(part byte) key {
	group := int(part) % groupCount
	return key{group, fmt.Sprintf("d%02o.%s.%d", group, k.deployment, part)}
}

// denialsTopic returns the topic of the denied JWTs.
func (k *keyring) denialsTopic() string { return "d." + k.deployment.String() }

// A snapshot is the record of a token at one moment. The zero value presumes that the
// store does not know the token.
type snapshot struct {
	record
	version uint64
	now     time.Time // of the store
	isKnown bool      // the record comes from the store

	// found and leading are results of the step that made the record: the state,
	// and the value that leads to the next token.
	found   state
	leading []byte
}

func newSnapshot(r Record) snapshot {
	return snapshot{record: parseRecord(r.Value, r.Now), version: r.Version, now: r.Now, isKnown: true}
}

// valueExpiry returns the expiry of the value by the clock of this instance.
func (s *snapshot) valueExpiry() time.Time {
	return time.Now().Add(time.UnixMilli(s.ValueUntil).Sub(s.now))
}

// load returns the record of a token.
func (o *operations) load(ctx context.Context, op string, n name) (snapshot, error) {
	k := tokenKey(n)
	return run(ctx, o, op, k.group, func(ctx context.Context) (snapshot, error) {
		r, err := o.read(ctx, k)
		return newSnapshot(r), err
	})
}

// maxSwaps bounds the tries of one step. Each failure means that another instance
// has changed the record.
const maxSwaps = 16

var errContention = errors.New("fleet: too many changes of one record at once")

// update applies a step to the record of a token, and returns the new record. The
// step reports whether it has changed the record. It is called again if the record
// is not the base any more.
func (o *operations) update(ctx context.Context, op string, n name, base snapshot, step func(*snapshot) (changed bool)) (snapshot, error) {
	k := tokenKey(n)
	return run(ctx, o, op, k.group, func(ctx context.Context) (snapshot, error) {
		s, isPresumed := base, o.clock.isKnown.Load()
		s.now = o.clock.now()
		for range maxSwaps {
			if !s.isKnown && !isPresumed {
				r, err := o.read(ctx, k)
				if err != nil {
					return snapshot{}, err
				}
				s = newSnapshot(r)
			}
			changed := step(&s)
			stored, ttl := s.marshal(s.now)
			if !changed || len(stored) == 0 && s.version == 0 { // nothing to write
				if s.isKnown {
					return s, nil
				}
				s, isPresumed = snapshot{}, false
				continue
			}
			r, swapped, err := o.swap(ctx, k, s.version, stored, ttl)
			if err != nil {
				return snapshot{}, err
			}
			if swapped {
				s.version, s.isKnown = r.Version, true
				return s, nil
			}
			s = newSnapshot(r)
		}
		return snapshot{}, errContention
	})
}

// read loads a record, and reads the store's clock.
func (o *operations) read(ctx context.Context, k key) (Record, error) {
	started := time.Now()
	r, err := o.store.Load(ctx, k.text)
	if err == nil {
		o.clock.set(r.Now, started)
	}
	return r, err
}

// swap replaces a record, and reads the store's clock.
func (o *operations) swap(ctx context.Context, k key, version uint64, value []byte, ttl time.Duration) (Record, bool, error) {
	started := time.Now()
	r, swapped, err := o.store.Swap(ctx, k.text, version, value, max(ttl, time.Millisecond))
	if err == nil {
		o.clock.set(r.Now, started)
	}
	return r, swapped, err
}

var (
	// errDown is the error while the breaker allows no operation.
	errDown = errors.New("fleet: the store has just failed")
	// errTimeout is the error of a store that does not respond.
	errTimeout = errors.New("fleet: the store does not respond in time")
)

// run runs an operation. Its result counts for the breaker.
func run[T any](ctx context.Context, o *operations, op string, group int, do func(context.Context) (T, error)) (result T, err error) {
	if err := ctx.Err(); err != nil {
		return result, err
	}
	if !o.breaker.allow(group) {
		return result, errDown
	}
	result, err = exec(ctx, o, do)
	switch {
	case err == nil:
		o.breaker.succeed()
	case o.stopped.Err() == nil && o.breaker.fail(group):
		o.degraded(ctx, op, err)
		o.running.Go(func() { o.probe(op) })
	}
	return result, err
}

// exec returns after the timeout at the latest, even if the store does not. The
// context of the caller cancels nothing: its end says nothing about the store, and
// half an operation is of no use.
func exec[T any](ctx context.Context, o *operations, do func(context.Context) (T, error)) (T, error) {
	type reply struct {
		result T
		err    error
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.timeout)
	defer cancel()
	defer context.AfterFunc(o.stopped, cancel)()
	done := make(chan reply, 1)
	o.running.Go(func() {
		result, err := do(ctx)
		done <- reply{result, err}
	})
	select {
	case r := <-done:
		return r.result, r.err
	case <-ctx.Done():
		var none T
		return none, errTimeout
	}
}

// degraded reports the beginning of an outage.
func (o *operations) degraded(ctx context.Context, op string, err error) {
	o.report(ctx, event.Event{Outcome: event.StoreDegraded, Op: op, Err: fmt.Errorf("fleet: the store is unavailable: %w", err)})
}

// recovered reports the end of an outage.
func (o *operations) recovered(op string) {
	o.report(o.stopped, event.Event{Outcome: event.StoreRecovered, Op: op})
}

// close ends the connection and waits for the goroutines of the store.
func (o *operations) close() error {
	defer o.running.Wait()
	return o.disconnect()
}

// disconnect makes all operations fail, those that run as well.
func (o *operations) disconnect() error {
	o.stop()
	return o.store.Close()
}
