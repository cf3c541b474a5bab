package redis

import "sync"

// A bell wakes those in this process who wait for a token's refresh in another
// one. A notification can be lost: whoever waits looks for himself now and
// then.
type bell struct {
	mu   sync.Mutex // guards ears
	ears map[string]map[*ear]struct{}
}

// An ear hears one name.
type ear struct {
	bell  *bell
	name  string
	heard chan struct{} // holds one element from a stroke until it is heard
}

func newBell() *bell { return &bell{ears: map[string]map[*ear]struct{}{}} }

// listen must come before the look that may find somebody at work: a stroke
// between the two would be missed.
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

// strike wakes those who listen to a name.
func (b *bell) strike(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wake(name)
}

// strikeAll wakes everybody: strokes may have been missed.
func (b *bell) strikeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.ears {
		b.wake(name)
	}
}

// wake wakes those who listen to a name. The mutex is held.
func (b *bell) wake(name string) {
	for e := range b.ears[name] {
		select {
		case e.heard <- struct{}{}:
		default:
		}
	}
}
