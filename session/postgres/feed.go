package postgres

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/jackc/pgx/v5"
)

const (
	// channel carries the messages of all topics: a topic, a space, and the message
	// in base64, because notifications are text.
	channel = "crossmint"
	// maxPayload is the longest notification (PostgreSQL's documentation of NOTIFY).
	maxPayload = 7999

	// probeTimeout is the time in which an instance receives its own notification.
	probeTimeout = 2 * time.Second
	// probeInterval is the interval of these notifications. A thousand instances
	// send fewer than ten in a second.
	probeInterval = 2 * time.Minute
	// pollInterval is the interval of polling, and maxPolls the number of polls
	// before the feed tries to listen again.
	pollInterval = 10 * time.Second
	maxPolls     = 30

	// listen also turns off the timeout for idle sessions, which would end the
	// connection again and again. Servers before PostgreSQL 14 do not have it.
	listen = `SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'; LISTEN ` + channel
)

// errNotReceived means that the database has accepted a notification, and the
// listening connection has not received it in time.
var errNotReceived = errors.New("postgres: notifications are not received")

// errLost means that a connection does not receive notifications any more. A new one
// may.
var errLost = errors.New("postgres: the connection has stopped receiving notifications")

// A feed passes the messages of one listening connection to the subscriptions, or
// polls if the connection does not receive any.
type feed struct {
	store *store
	done  chan struct{} // closed when err is set
	err   error

	mu            sync.Mutex // guards all below
	isReady       bool
	subscriptions map[string]subscription // by topic
}

type subscription struct {
	ready   func()
	receive func(message []byte)
}

// Publish implements fleet.Store.
func (s *store) Publish(ctx context.Context, topic string, message []byte) error {
	payload := topic + " " + base64.RawStdEncoding.EncodeToString(message)
	if len(payload) > maxPayload {
		payload = topic + " "
	}
	return s.notify(ctx, channel, payload)
}

func (s *store) notify(ctx context.Context, channel, payload string) error {
	return s.queryRow(ctx, []any{nil}, notify, channel, payload)
}

// Subscribe implements fleet.Store. The subscriptions of a store share one connection.
func (s *store) Subscribe(ctx context.Context, topic string, ready func(), receive func(message []byte)) error {
	f := s.currentFeed()
	f.add(topic, subscription{ready, receive})
	defer f.remove(topic)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopped.Done():
		return errClosed
	case <-f.done:
		return f.err
	}
}

// currentFeed returns the feed of the store, and starts one if there is none.
func (s *store) currentFeed() *feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feed == nil {
		f := &feed{store: s, done: make(chan struct{}), subscriptions: map[string]subscription{}}
		s.feed = f
		s.goLocked(f.run)
	}
	return s.feed
}

func (f *feed) add(topic string, sub subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscriptions[topic] = sub
	if f.isReady {
		sub.ready()
	}
}

func (f *feed) remove(topic string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subscriptions, topic)
}

// setReady tells the subscriptions that messages may have been lost until now.
func (f *feed) setReady() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isReady = true
	for _, sub := range f.subscriptions {
		sub.ready()
	}
}

// deliver passes a notification to its subscription. Foreign ones are ignored.
func (f *feed) deliver(payload string) {
	topic, encoded, _ := strings.Cut(payload, " ")
	message, err := base64.RawStdEncoding.DecodeString(encoded)
	f.mu.Lock()
	defer f.mu.Unlock()
	if sub, found := f.subscriptions[topic]; found && err == nil {
		sub.receive(message)
	}
}

// run listens, or polls, until the database fails or the store is closed.
func (f *feed) run() {
	s := f.store
	for f.err = f.listen(s.stopped); errors.Is(f.err, errNotReceived); f.err = f.listen(s.stopped) {
		for poll := 0; poll < maxPolls && s.stopped.Err() == nil; poll++ {
			f.setReady()
			backoff.Sleep(s.stopped, backoff.Jitter(pollInterval))
		}
	}
	s.mu.Lock()
	s.feed = nil
	s.mu.Unlock()
	close(f.done)
}

// listen passes on the messages of a new connection until it fails. A pooler may
// accept LISTEN without effect, and a former primary may keep its connections. So the
// pool notifies the connection now and then.
func (f *feed) listen(ctx context.Context) error {
	conn, err := f.connect(ctx)
	if err != nil {
		return fmt.Errorf("postgres: connect to listen: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = conn.Close(ctx) // it may have failed
	}()
	own := channel + "_" + strings.ToLower(rand.Text())
	if err := f.probe(ctx, conn, own); err != nil {
		return err
	}
	f.setReady()
	for {
		if err := f.receive(ctx, conn, "", probeInterval); !errors.Is(err, errNotReceived) {
			return err
		}
		if err := f.probe(ctx, conn, own); errors.Is(err, errNotReceived) {
			return errLost
		} else if err != nil {
			return err
		}
	}
}

func (f *feed) connect(ctx context.Context) (*pgx.Conn, error) {
	config := f.store.listener.ConnConfig.Copy()
	if prepare := f.store.listener.BeforeConnect; prepare != nil {
		if err := prepare(ctx, config); err != nil {
			return nil, err
		}
	}
	config.OnNotification = nil // the connection keeps them for WaitForNotification
	return pgx.ConnectConfig(ctx, config)
}

// probe listens, and checks that the connection receives a notification of the pool.
func (f *feed) probe(ctx context.Context, conn *pgx.Conn, own string) error {
	bounded, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := conn.Exec(bounded, listen+"; LISTEN "+own); err != nil {
		return fmt.Errorf("postgres: listen: %w", err)
	}
	if err := f.store.notify(bounded, own, ""); err != nil {
		return err
	}
	return f.receive(ctx, conn, own, probeTimeout)
}

// receive passes on messages until there is one of the last channel, or for some time.
func (f *feed) receive(ctx context.Context, conn *pgx.Conn, last string, timeout time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(bounded)
		switch {
		case err != nil && bounded.Err() != nil && ctx.Err() == nil:
			return errNotReceived
		case err != nil:
			return fmt.Errorf("postgres: receive: %w", err)
		case n.Channel == last:
			return nil
		}
		f.deliver(n.Payload)
	}
}
