package redis

import "sync"

// A bell notifies the calls of this process that wait for another instance's
// refresh. A notification can be lost, so the calls poll as well.
type bell struct {
	mu   sync.Mutex // guards ears
	ears map[string]map[*ear]struct{}
}

// An ear is a subscription to one name.
type ear struct {
	bell  *bell
	name  string
	heard chan struct{} // holds one element from a stroke until it is heard
}

func newBell() *bell { return &bell{ears: map[string]map[*ear]struct{}{}} }

// listen subscribes to a name. It must come before the script that may find the
// lock taken: a notification between the two would be lost.
func (b *bell) listen(name string) *ear {
	e := &ear{bell: b, name: name, heard: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears[name] == nil {
		b.ears[name] = map[*ear]struct{}{}
	}
	b.ears[name][e] = struct{}{}
	return e
}

func (e *ear) leave() {
	e.bell.mu.Lock()
	defer e.bell.mu.Unlock()
	delete(e.bell.ears[e.name], e)
	if len(e.bell.ears[e.name]) == 0 {
		delete(e.bell.ears, e.name)
	}
}

// strike notifies the subscribers of a name.
func (b *bell) strike(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wake(name)
}

// strikeAll notifies all subscribers, because notifications may be lost.
func (b *bell) strikeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.ears {
		b.wake(name)
	}
}

// wake notifies the subscribers of a name. The mutex is held.
func (b *bell) wake(name string) {
	for e := range b.ears[name] {
		select {
		case e.heard <- struct{}{}:
		default:
		}
	}
}
