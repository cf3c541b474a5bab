package redis

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/redis/rueidis"
)

// attempt is an attempt to connect. Its results are set before done is closed.
type attempt struct {
	done   chan struct{}
	client rueidis.Client
	err    error
}

func newAttempt() *attempt { return &attempt{done: make(chan struct{})} }

// connect makes the client, which dials when it is made and restores its
// connection by itself.
func (a *attempt) connect(option rueidis.ClientOption) {
	if a.client, a.err = rueidis.NewClient(option); a.err != nil {
		a.client, a.err = nil, fmt.Errorf("redis: connect: %w", a.err)
	}
	close(a.done)
}

// connectNow starts to connect, if that has not happened yet.
func (s *store) connectNow() { s.start.Do(func() { s.running.Go(s.stayConnected) }) }

// connected returns the client. While an attempt to connect runs, connected waits
// for it.
func (s *store) connected(ctx context.Context) (rueidis.Client, error) {
	s.connectNow()
	a := s.attempt.Load()
	select {
	case <-a.done:
		return a.client, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stayConnected connects to the store and receives its messages, until the store
// is closed. After each failure it connects or subscribes again.
func (s *store) stayConnected() {
	a := s.attempt.Load()
	defer func() {
		if a.client != nil {
			a.client.Close() // waits a second for a store that hangs
		}
	}()
	var unsubscribed atomic.Bool
	ctx := rueidis.WithOnSubscriptionHook(s.stopped, func(to rueidis.PubSubSubscription) {
		s.notifier.notify(allNames)
		if to.Channel == denied+s.deployment {
			s.onSubscribed()
			if unsubscribed.Swap(false) {
				s.report.recovered(s.stopped, opLogout)
			}
		}
	})
	for pause := firstPause; s.stopped.Err() == nil; pause = min(2*pause, lastPause) {
		if a.err != nil {
			a = newAttempt()
			s.attempt.Store(a)
		}
		if a.client == nil {
			a.connect(s.option())
		}
		started, err := time.Now(), a.err
		if err == nil {
			err = a.client.Receive(ctx, a.client.B().Subscribe().Channel(channel, denied+s.deployment).Build(), s.onMessage)
		}
		if s.stopped.Err() == nil && !unsubscribed.Swap(true) {
			s.report.degraded(s.stopped, opLogout, fmt.Errorf("not subscribed: %w", err))
		}
		if time.Since(started) > lastPause {
			pause = firstPause
		}
		backoff.Sleep(s.stopped, backoff.Jitter(pause))
	}
}

func (s *store) onMessage(m rueidis.PubSubMessage) {
	if m.Channel == channel {
		s.notifier.notify(m.Message)
	} else {
		s.onDenial(m.Message)
	}
}

// close ends the connection and waits for the goroutines of the store.
func (s *store) close() {
	s.stop()
	s.running.Wait()
}
