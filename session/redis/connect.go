package redis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// This file is how a store is connected to, listened to and left.

// errClosed is given after Close.
var errClosed = errors.New("redis: the coordinator is closed")

// connected returns the client. The first call makes it, apart from its own
// context: the client dials when it is made, and others wait for it, too.
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

// connect makes the client, and has it listen for as long as it lives.
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
	s.listen(client)
}

// attend connects to the store before there is anything to ask it, and goes on
// trying.
func (s *store) attend() {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if _, err := s.connected(s.stopped); err == nil || !wait(s.stopped, jitter(pause)) {
			return
		}
	}
}

// listen hands on what is heard until the store is closed.
func (s *store) listen(client rueidis.Client) {
	var deaf atomic.Bool
	ctx := rueidis.WithOnSubscriptionHook(s.stopped, func(to rueidis.PubSubSubscription) {
		s.bell.strikeAll()
		if to.Channel == denied+s.fleet {
			s.onListening()
			if deaf.Swap(false) {
				s.report.recovered(s.stopped, opLogout)
			}
		}
	})
	for pause := firstPause; s.stopped.Err() == nil; pause = min(2*pause, lastPause) {
		began := time.Now()
		err := client.Receive(ctx, client.B().Subscribe().Channel(channel, denied+s.fleet).Build(), s.hear)
		s.breaker.trouble() // the connection is lost; or the store has been replaced
		if s.stopped.Err() == nil {
			deaf.Store(true)
			s.report.deaf(s.stopped, err)
		}
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		wait(s.stopped, jitter(pause))
	}
}

func (s *store) hear(m rueidis.PubSubMessage) {
	if m.Channel == channel {
		s.bell.strike(m.Message)
	} else {
		s.onDenial(m.Message)
	}
}

// close ends the connection and waits for what runs. A store that hangs is
// given a second by the client.
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

// wait waits and reports whether ctx let it.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
