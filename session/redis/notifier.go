package redis

import "sync"

// A notifier wakes the calls of this process that wait for another instance's
// refresh. A notification can be lost, so the calls poll as well.
type notifier struct {
	mu            sync.Mutex               // guards subscriptions
	subscriptions map[chan struct{}]string // with the names of the tokens
}

func newNotifier() *notifier { return &notifier{subscriptions: map[chan struct{}]string{}} }

// subscribe must come before the script that may find the lock taken: a
// notification between the two would be lost. The channel holds one element from a
// notification until it is read.
func (n *notifier) subscribe(name string) (notified <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.subscriptions[c] = name
	return c, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.subscriptions, c)
	}
}

// allNames stands for the names of all tokens: notifications may be lost.
const allNames = ""

func (n *notifier) notify(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c, subscribed := range n.subscriptions {
		if name != subscribed && name != allNames {
			continue
		}
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
