package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/internal/lazyconn"
	"github.com/crossmint-go/auth/internal/netutil"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A bucket holds the records.
type bucket struct {
	created time.Time
	nc      *natsgo.Conn
	js      jetstream.JetStream
	stream  jetstream.Stream
	offset  time.Duration // of the servers' clock
}

// open returns the bucket. The caller gives the error of its operation to check.
func (s *store) open(ctx context.Context) (*bucket, error) {
	b, err := s.buckets.Get(ctx)
	if err == nil && time.Since(b.created) > inspectInterval {
		s.buckets.Discard(b)
		b, err = s.buckets.Get(ctx)
	}
	if err == nil && !b.nc.IsConnected() {
		err = errDisconnected
	}
	return b, err
}

// check returns the error of an operation. After an error, the next operation inspects
// the bucket again.
func (s *store) check(b *bucket, err error) error {
	if err == nil {
		return nil
	}
	s.buckets.Discard(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nc != nil && s.nc.LastError() != nil { // for example a missing permission
		return fmt.Errorf("nats: %w; the last error of the connection: %w", err, s.nc.LastError())
	}
	return fmt.Errorf("nats: %w", err)
}

// inspect connects, and finds or creates the bucket.
func (s *store) inspect() (_ *bucket, err error) {
	b := &bucket{created: time.Now()}
	if b.nc, err = s.connect(); err != nil {
		return nil, err
	}
	if !b.nc.IsConnected() {
		return nil, errDisconnected
	}
	ctx, cancel := context.WithTimeout(s.stopped, connectTimeout)
	defer cancel()
	if err := b.nc.FlushWithContext(ctx); err != nil {
		if s.config.Conn == nil && b.nc.IsConnected() { // the server hangs: another one may not
			_ = b.nc.ForceReconnect() // fails only after Close
		}
		return nil, err
	}
	if b.js, err = jetstream.New(b.nc); err != nil {
		return nil, err
	}
	started := time.Now()
	b.stream, err = b.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		started = time.Now()
		b.stream, err = b.js.CreateStream(ctx, bucketConfig(s.config.Replicas))
	}
	if err != nil {
		return nil, fmt.Errorf("the bucket crossmint: %w", err)
	}
	info := b.stream.CachedInfo()
	b.offset = info.TimeStamp.Sub(started)
	return b, checkBucket(&info.Config)
}

// connect returns the connection. It makes the first one; the client restores it.
func (s *store) connect() (*natsgo.Conn, error) {
	if s.config.Conn != nil {
		return s.config.Conn, s.checkShared(s.config.Conn)
	}
	s.mu.Lock()
	nc := s.nc
	s.mu.Unlock()
	if nc != nil {
		return nc, nil
	}
	nc, err := natsgo.Connect(s.config.URL.Reveal(), s.options()...)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped.Err() != nil {
		nc.Close()
		return nil, lazyconn.ErrClosed
	}
	s.nc = nc
	return nc, nil
}

// checkShared refuses a connection without TLS to another machine.
func (s *store) checkShared(nc *natsgo.Conn) error {
	_, err := nc.TLSConnectionState()
	if err == nil || s.config.InsecureAllowPlaintext || !nc.IsConnected() {
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
	check := func(isRight bool, want string) {
		if !isRight {
			faults = append(faults, fmt.Errorf("the stream %s: %s", streamName, want))
		}
	}
	check(!c.AllowDirect, "allow_direct must be false: a replica may return an old record")
	check(c.AllowMsgTTL, "allow_msg_ttl must be true, which needs NATS 2.11 or later")
	check(c.MaxMsgsPerSubject == 1, "max_msgs_per_subject must be 1: an old record would come back")
	check(c.MaxAge == 0, "max_age must be 0: each record has its TTL")
	check(c.Discard == jetstream.DiscardNew, `discard must be "new": a full bucket would lose records`)
	return errors.Join(faults...)
}
