package redis

import "sync"

// A notifier wakes the calls of this process that wait for another instance's
// refresh. A notification can be lost, so the calls poll as well.
type notifier struct {
	mu            sync.Mutex // guards subscriptions
	subscriptions map[string]map[*subscription]struct{}
}

// A subscription receives the notifications of one name.
type subscription struct {
	notifier *notifier
	name     string
	notified chan struct{} // holds one element from a notification until it is read
}

func newNotifier() *notifier {
	return &notifier{subscriptions: map[string]map[*subscription]struct{}{}}
}

// subscribe must come before the script that may find the lock taken: a
// notification between the two would be lost.
func (n *notifier) subscribe(name string) *subscription {
	s := &subscription{notifier: n, name: name, notified: make(chan struct{}, 1)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.subscriptions[name] == nil {
		n.subscriptions[name] = map[*subscription]struct{}{}
	}
	n.subscriptions[name][s] = struct{}{}
	return s
}

func (s *subscription) cancel() {
	s.notifier.mu.Lock()
	defer s.notifier.mu.Unlock()
	delete(s.notifier.subscriptions[s.name], s)
	if len(s.notifier.subscriptions[s.name]) == 0 {
		delete(s.notifier.subscriptions, s.name)
	}
}

func (n *notifier) notify(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notifyLocked(name)
}

// notifyAll notifies the subscriptions of all names, because notifications may
// be lost.
func (n *notifier) notifyAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.subscriptions {
		n.notifyLocked(name)
	}
}

func (n *notifier) notifyLocked(name string) {
	for s := range n.subscriptions[name] {
		select {
		case s.notified <- struct{}{}:
		default:
		}
	}
}
