package redis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/redis/rueidis"
)

// errClosed is the error of every call after Close.
var errClosed = errors.New("redis: the coordinator is closed")

// connected returns the client. The first call makes it, independently of its
// context: the client dials when it is made, and other calls wait for it, too.
func (s *store) connected(ctx context.Context) (rueidis.Client, error) {
	s.mu.Lock()
	client, connecting := s.client, s.connecting
	if client == nil && connecting == nil && s.stopped.Err() == nil {
		connecting = make(chan struct{})
		s.connecting = connecting
		s.running.Go(s.connect)
	}
	s.mu.Unlock()
	if client != nil {
		return client, nil
	}
	if connecting == nil {
		return nil, errClosed
	}
	select {
	case <-connecting:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil, errors.New("redis: cannot connect to the store")
	}
	return s.client, nil
}

// connect makes the client, and subscribes until the store is closed.
func (s *store) connect() {
	client, err := rueidis.NewClient(s.option())
	s.mu.Lock()
	if err == nil {
		s.client = client
	}
	close(s.connecting)
	s.connecting = nil
	s.mu.Unlock()
	if err != nil {
		s.report.down(s.stopped, opPresence, fmt.Errorf("redis: connect: %w", err))
		return
	}
	s.subscribe(client)
}

// keepConnected connects to the store before there is an operation, and keeps
// trying.
func (s *store) keepConnected() {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if _, err := s.connected(s.stopped); err == nil || !backoff.Sleep(s.stopped, backoff.Jitter(pause)) {
			return
		}
	}
}

// subscribe receives messages until the store is closed. It subscribes again
// after each lost connection.
func (s *store) subscribe(client rueidis.Client) {
	var unsubscribed atomic.Bool
	ctx := rueidis.WithOnSubscriptionHook(s.stopped, func(to rueidis.PubSubSubscription) {
		s.bell.strikeAll()
		if to.Channel == denied+s.deployment {
			s.onSubscribed()
			if unsubscribed.Swap(false) {
				s.report.recovered(s.stopped, opLogout)
			}
		}
	})
	for pause := firstPause; s.stopped.Err() == nil; pause = min(2*pause, lastPause) {
		started := time.Now()
		err := client.Receive(ctx, client.B().Subscribe().Channel(channel, denied+s.deployment).Build(), s.onMessage)
		s.breaker.trouble() // the connection is lost, or the store was replaced
		if s.stopped.Err() == nil {
			unsubscribed.Store(true)
			s.report.unsubscribed(s.stopped, err)
		}
		if time.Since(started) > lastPause {
			pause = firstPause
		}
		backoff.Sleep(s.stopped, backoff.Jitter(pause))
	}
}

func (s *store) onMessage(m rueidis.PubSubMessage) {
	if m.Channel == channel {
		s.bell.strike(m.Message)
	} else {
		s.onDenial(m.Message)
	}
}

// close ends the connection and waits for the goroutines of the store. The
// client waits a second for a store that hangs.
func (s *store) close() {
	s.stop()
	s.mu.Lock()
	client := s.client
	s.mu.Unlock()
	if client != nil {
		client.Close()
	}
	s.running.Wait()
	// An attempt to connect may have succeeded meanwhile.
	if s.client != client {
		s.client.Close()
	}
}
