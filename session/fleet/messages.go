package fleet

import (
	"context"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
)

// publish sends a message about a token to the instances that wait for one. A
// message that is lost delays them.
func (o *operations) publish(n name, s snapshot) {
	stored, _ := s.marshal(s.now)
	o.running.Go(func() {
		ctx, cancel := context.WithTimeout(o.stopped, o.timeout)
		defer cancel()
		_ = o.store.Publish(ctx, topicOf(n), stored)
	})
}

// messages returns a channel with the messages about a token until ctx ends. It holds
// the last one: a record, or nil if messages may have been lost. Callers poll as well,
// because a message can be lost, and because a second call of this instance with the
// same token gets none: the session.Manager makes one call at a time.
func (o *operations) messages(ctx context.Context, n name) <-chan []byte {
	messages, topic := make(chan []byte, 1), topicOf(n)
	receive := func(message []byte) {
		for {
			select {
			case messages <- message:
				return
			case <-messages: // an older one
			}
		}
	}
	if _, isSubscribed := o.topics.LoadOrStore(topic, nil); !isSubscribed {
		o.running.Go(func() {
			defer o.topics.Delete(topic)
			o.subscribe(ctx, topic, receive, func() { receive(nil) }, func(error) {})
		})
	}
	return messages
}

// subscribe receives the messages of a topic until ctx ends. It calls lost with the
// reason when a subscription has ended, and subscribes again after a pause.
func (o *operations) subscribe(ctx context.Context, topic string, receive func(message []byte), ready func(), lost func(error)) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		started := time.Now()
		err := o.store.Subscribe(ctx, topic, ready, receive)
		if ctx.Err() != nil {
			return
		}
		lost(err)
		if time.Since(started) > lastPause {
			pause = firstPause
		}
		backoff.Sleep(ctx, backoff.Jitter(pause))
	}
}
