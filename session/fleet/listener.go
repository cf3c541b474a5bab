package fleet

import (
	"context"
	"sync"

	"github.com/crossmint-go/auth/internal/backoff"
)

// A listener gives the calls of this process that wait for another instance's
// refresh the messages about their tokens. The process is subscribed to a topic only
// while a call waits. A message can be lost, so the calls poll as well.
type listener struct {
	operations *operations

	mu     sync.Mutex // guards all below, and the fields of the topics
	topics map[string]*topic
}

// A topic is a topic that calls wait for. Its goroutine runs until none is left.
type topic struct {
	subscriptions map[*subscription]bool
	stop          context.CancelFunc // ends the current Subscribe
}

// A subscription is that of one call. Its channel holds one element until it is
// read: a record, or nil if messages may have been lost.
type subscription struct {
	name     name
	messages chan []byte
}

func newListener(o *operations) *listener {
	return &listener{operations: o, topics: map[string]*topic{}}
}

// subscribe returns a channel with the messages about a token.
func (l *listener) subscribe(n name) (messages <-chan []byte, cancel func()) {
	s := &subscription{n, make(chan []byte, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topicOf(n)]
	if t == nil {
		t = &topic{subscriptions: map[*subscription]bool{}, stop: func() {}}
		l.topics[topicOf(n)] = t
		l.operations.running.Go(func() { l.run(topicOf(n), t) })
	}
	t.subscriptions[s] = true
	return s.messages, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(t.subscriptions, s)
		if len(t.subscriptions) == 0 {
			t.stop()
		}
	}
}

// run receives the messages of a topic while calls wait for them.
func (l *listener) run(name string, t *topic) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		ctx, ok := l.begin(name, t)
		if !ok {
			return
		}
		_ = l.operations.store.Subscribe(ctx, name, // the calls poll
			func() { l.deliver(t, "", nil) },
			func(message []byte) {
				if len(message) > nameBytes {
					l.deliver(t, string(message[:nameBytes]), message[nameBytes:])
				} else {
					l.deliver(t, string(message), nil)
				}
			})
		backoff.Sleep(ctx, backoff.Jitter(pause))
	}
}

// begin returns the context of the next Subscribe. It returns false if no call waits.
func (l *listener) begin(name string, t *topic) (ctx context.Context, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.stop()
	if len(t.subscriptions) == 0 || l.operations.stopped.Err() != nil {
		delete(l.topics, name)
		return nil, false
	}
	ctx, t.stop = context.WithCancel(l.operations.stopped)
	return ctx, true
}

// deliver gives a message to the calls that wait for a token; an empty name means
// all tokens.
func (l *listener) deliver(t *topic, n string, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range t.subscriptions {
		if n != "" && n != string(s.name) {
			continue
		}
		select {
		case <-s.messages: // the next message is newer
		default:
		}
		s.messages <- message
	}
}
