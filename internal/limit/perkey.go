package limit

import "sync"

// A PerKey limits how many calls run at once for each key. No call waits. It
// keeps only the keys of running calls.
type PerKey struct {
	limit int

	mu      sync.Mutex // guards running
	running map[string]int
}

// NewPerKey returns a PerKey that lets limit calls run at once for each key.
func NewPerKey(limit int) *PerKey {
	return &PerKey{limit: limit, running: map[string]int{}}
}

// Acquire reports whether one more call may run for key. It returns false for
// an empty key. After true the caller must call [PerKey.Release] once.
func (p *PerKey) Acquire(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key == "" || p.running[key] >= p.limit {
		return false
	}
	p.running[key]++
	return true
}

// Release ends an acquired call for key.
func (p *PerKey) Release(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[key]--; p.running[key] == 0 {
		delete(p.running, key)
	}
}
