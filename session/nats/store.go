package nats

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/internal/lazyconn"
	"github.com/crossmint-go/auth/session/fleet"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The names on the servers. A bucket of JetStream's key-value store is a stream, whose
// subjects are the keys.
const (
	streamName = "KV_crossmint"
	keys       = "$KV.crossmint."
	topics     = "crossmint."
	inboxes    = "_INBOX.crossmint"
)

// minTTL is the unit and the minimum of a message's TTL.
const minTTL = time.Second

const (
	// inspectInterval is the time after which an operation inspects the bucket again,
	// for the servers' clock.
	inspectInterval = time.Minute
	// interestDelay is longer than a cluster takes to make a subscription known to all
	// its servers. Until then a message that was sent through another server is lost.
	interestDelay = 500 * time.Millisecond
	// conflictPause is the pause before a swap that conflicts with a change which the
	// leader of the stream has not applied yet.
	conflictPause = 10 * time.Millisecond
)

var errDisconnected = errors.New("the connection is lost")

// store implements fleet.Store. It connects when it is used.
type store struct {
	config  *Config
	options func() []natsgo.Option // a function: fmt would show passwords in it

	stopped context.Context // ends with Close
	stop    context.CancelFunc
	buckets *lazyconn.Conn[*bucket] // the bucket is discarded after an error

	mu sync.Mutex   // guards nc
	nc *natsgo.Conn // nil before the first one
}

var _ fleet.Store = (*store)(nil)

func newStore(config *Config) (*store, error) {
	options, err := config.options()
	s := &store{config: config, options: func() []natsgo.Option { return options }, nc: config.Conn}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.buckets = lazyconn.New(s.inspect, func(*bucket) {})
	return s, err
}

// Load implements fleet.Store.
func (s *store) Load(ctx context.Context, key string) (r fleet.Record, err error) {
	b, err := s.open(ctx)
	if err == nil {
		r, _, err = b.load(ctx, key)
	}
	return r, s.check(b, err)
}

// load returns a record, and the last sequence of its subject. A message without data
// removes the record.
func (b *bucket) load(ctx context.Context, key string) (r fleet.Record, sequence uint64, err error) {
	m, err := b.stream.GetLastMsgForSubject(ctx, keys+key)
	r.Now = time.Now().Add(b.offset)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return r, 0, nil
	case err != nil:
		return r, 0, err
	case len(m.Data) > 0:
		r.Value, r.Version = m.Data, m.Sequence
	}
	return r, m.Sequence, nil
}

// Swap implements fleet.Store. The version of a record is its sequence in the stream.
func (s *store) Swap(ctx context.Context, key string, version uint64, value []byte, ttl time.Duration) (r fleet.Record, swapped bool, err error) {
	b, err := s.open(ctx)
	if err == nil {
		r, swapped, err = b.swap(ctx, key, version, value, ttl)
	}
	return r, swapped, s.check(b, err)
}

// swap writes a message if the last sequence of the subject is the version, or that of
// a message that has removed the record.
func (b *bucket) swap(ctx context.Context, key string, version uint64, value []byte, ttl time.Duration) (fleet.Record, bool, error) {
	m := &natsgo.Msg{Subject: keys + key, Data: value, Header: natsgo.Header{}}
	if len(value) == 0 {
		ttl = minTTL
		m.Header.Set("KV-Operation", "DEL") // for the tools of the servers
	}
	ttl = (ttl + minTTL - 1).Truncate(minTTL)
	for expected := version; ; {
		ack, err := b.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(expected), jetstream.WithMsgTTL(ttl))
		switch {
		case err == nil && len(value) == 0:
			return fleet.Record{Now: time.Now().Add(b.offset)}, true, nil
		case err == nil:
			return fleet.Record{Value: value, Version: ack.Sequence, Now: time.Now().Add(b.offset)}, true, nil
		case !isConflict(err):
			return fleet.Record{}, false, err
		}
		r, sequence, err := b.load(ctx, key)
		switch {
		case err != nil || r.Version != version:
			return r, false, err
		case sequence == expected && !backoff.Sleep(ctx, conflictPause): // a change is not readable yet
			return r, false, ctx.Err()
		}
		expected = sequence
	}
}

// isConflict reports whether the subject has had another last sequence. Then the
// message is not in the stream.
func isConflict(err error) bool {
	var e *jetstream.APIError
	return errors.As(err, &e) &&
		(e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// Publish implements fleet.Store.
func (s *store) Publish(ctx context.Context, topic string, message []byte) error {
	b, err := s.open(ctx)
	if err == nil {
		err = b.nc.Publish(topics+topic, message)
	}
	if errors.Is(err, natsgo.ErrMaxPayload) {
		err = b.nc.Publish(topics+topic, nil)
	}
	return s.check(b, err)
}

// Subscribe implements fleet.Store.
func (s *store) Subscribe(ctx context.Context, topic string, ready func(), receive func(message []byte)) error {
	b, err := s.open(ctx)
	if err == nil {
		err = s.subscribe(ctx, b.nc, topics+topic, ready, receive)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.check(b, err)
}

func (s *store) subscribe(ctx context.Context, nc *natsgo.Conn, subject string, ready func(), receive func(message []byte)) error {
	ctx, cancel := s.untilDisconnected(ctx, nc)
	defer cancel(nil)
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only without a connection
	if err := nc.FlushTimeout(connectTimeout); err != nil {
		return err
	}
	m, err := sub.NextMsg(time.Nanosecond)
	if errors.Is(err, natsgo.ErrPermissionViolation) {
		return err
	}
	if nc.ConnectedClusterName() == "" {
		ready()
	} else {
		defer time.AfterFunc(interestDelay, ready).Stop()
	}
	for ; ; m, err = sub.NextMsgWithContext(ctx) {
		switch {
		case m != nil:
			receive(m.Data)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, natsgo.ErrTimeout):
			return err // messages may have been lost
		}
	}
}

// untilDisconnected returns a context that also ends with the connection: after it the
// client subscribes again, but messages have been lost.
func (s *store) untilDisconnected(ctx context.Context, nc *natsgo.Conn) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	lost := nc.StatusChanged(natsgo.RECONNECTING, natsgo.CLOSED)
	go func() {
		select {
		case <-lost:
			cancel(errDisconnected)
		case <-s.stopped.Done():
			cancel(lazyconn.ErrClosed)
		case <-ctx.Done():
		}
		nc.RemoveStatusListener(lost)
	}()
	return ctx, cancel
}

// Close implements fleet.Store.
func (s *store) Close() error {
	s.mu.Lock()
	s.stop()
	if s.nc != nil && s.config.Conn == nil {
		s.nc.Close()
	}
	s.mu.Unlock()
	s.buckets.Close()
	return nil
}
