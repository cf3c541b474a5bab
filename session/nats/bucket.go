package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/internal/netutil"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A bucket holds the records. Its fields are set before done is closed.
type bucket struct {
	created time.Time
	done    chan struct{}

	nc     *natsgo.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	offset time.Duration // of the servers' clock
	err    error
}

// open returns the bucket. The caller gives the error of its operation to check.
func (s *store) open(ctx context.Context) (*bucket, error) {
	s.mu.Lock()
	if s.stopped.Err() != nil {
		s.mu.Unlock()
		return nil, errClosed
	}
	b := s.bucket
	if b == nil || time.Since(b.created) > inspectInterval {
		b = &bucket{created: time.Now(), done: make(chan struct{})}
		s.bucket = b
		s.running.Go(func() {
			defer close(b.done)
			if b.err = s.inspect(b); b.err != nil {
				s.discard(b)
			}
		})
	}
	s.mu.Unlock()
	select {
	case <-b.done:
	case <-ctx.Done():
		return nil, ctx.Err() // the inspection goes on
	}
	if b.err == nil && !b.nc.IsConnected() {
		return b, errDisconnected
	}
	return b, b.err
}

// check returns the error of an operation. After an error, the next operation inspects
// the bucket again.
func (s *store) check(b *bucket, err error) error {
	if err == nil {
		return nil
	}
	s.discard(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nc != nil && s.nc.LastError() != nil { // for example a missing permission
		return fmt.Errorf("nats: %w; the last error of the connection: %w", err, s.nc.LastError())
	}
	return fmt.Errorf("nats: %w", err)
}

// discard makes the next operation inspect the bucket again.
func (s *store) discard(b *bucket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b != nil && s.bucket == b {
		s.bucket = nil
	}
}

// inspect connects, and finds or creates the bucket.
func (s *store) inspect(b *bucket) (err error) {
	if b.nc, err = s.connect(); err != nil {
		return err
	}
	if !b.nc.IsConnected() {
		return errDisconnected
	}
	ctx, cancel := context.WithTimeout(s.stopped, connectTimeout)
	defer cancel()
	if err := b.nc.FlushWithContext(ctx); err != nil {
		if !s.isShared && b.nc.IsConnected() { // the server hangs: another one may not
			_ = b.nc.ForceReconnect() // fails only after Close
		}
		return err
	}
	if b.js, err = jetstream.New(b.nc); err != nil {
		return err
	}
	started := time.Now()
	b.stream, err = b.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		started = time.Now()
		b.stream, err = b.js.CreateStream(ctx, bucketConfig(s.replicas))
	}
	if err != nil {
		return fmt.Errorf("the bucket crossmint: %w", err)
	}
	info := b.stream.CachedInfo()
	b.offset = info.TimeStamp.Sub(started)
	return checkBucket(&info.Config)
}

// connect returns the connection. It makes the first one; the client restores it.
func (s *store) connect() (*natsgo.Conn, error) {
	s.mu.Lock()
	nc := s.nc
	s.mu.Unlock()
	if s.isShared {
		return nc, s.checkShared(nc)
	}
	if nc != nil {
		return nc, nil
	}
	nc, err := natsgo.Connect(s.url(), s.options()...)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped.Err() != nil:
		nc.Close()
		return nil, errClosed
	case s.nc != nil: // another inspection was faster
		nc.Close()
	default:
		s.nc = nc
	}
	return s.nc, nil
}

// checkShared refuses a connection without TLS to another machine.
func (s *store) checkShared(nc *natsgo.Conn) error {
	_, err := nc.TLSConnectionState()
	if err == nil || s.insecure || !nc.IsConnected() {
		return nil
	}
	if err := netutil.OnlyLoopback("", nc.ConnectedAddr(), nil); err != nil {
		return fmt.Errorf("the connection has no TLS: %w", err)
	}
	return nil
}

// bucketConfig returns the configuration of a new bucket. Reads come from the leader
// of the stream only: AllowDirect would let any replica respond, with an old record.
func bucketConfig(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: streamName, Subjects: []string{keys + ">"}, Description: "github.com/crossmint-go/auth",
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, AllowMsgTTL: true,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
}

// checkBucket returns an error for a bucket that would lose records, or return old
// ones.
func checkBucket(c *jetstream.StreamConfig) error {
	var faults []error
	for _, setting := range []struct {
		isRight bool
		want    string
	}{
		{!c.AllowDirect, "allow_direct must be false: a replica may return an old record"},
		{c.AllowMsgTTL, "allow_msg_ttl must be true, which needs NATS 2.11 or later"},
		{c.MaxMsgsPerSubject == 1, "max_msgs_per_subject must be 1: an old record would come back"},
		{c.MaxAge == 0, "max_age must be 0: each record has its TTL"},
		{c.Discard == jetstream.DiscardNew, `discard must be "new": a full bucket would lose records`},
	} {
		if !setting.isRight {
			faults = append(faults, fmt.Errorf("the stream %s: %s", streamName, setting.want))
		}
	}
	return errors.Join(faults...)
}
