package limit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"
)

// WindowConfig configures a [Window]. Every number must be above zero.
type WindowConfig struct {
	// Limit is how many events a name may have in one window.
	Limit int
	// Duration is the length of a window. It starts with a name's first event.
	Duration time.Duration
	// MaxNames bounds the memory: how many names are counted at once.
	MaxNames int
	// ForgetOldest makes a full table forget the names whose windows end first.
	// Else it rejects new names.
	ForgetOldest bool
}

// A Window limits the events of each name in a fixed time window. Names may be
// personal data, for example e-mail addresses, so it keeps their HMACs only.
type Window struct {
	config WindowConfig
	// secret is the HMAC's key. It is a pointer because fmt does not follow
	// pointers below the first level: a printed Window does not show the key.
	secret *[sha256.Size]byte

	mu     sync.Mutex // guards counts
	counts map[nameKey]count
}

type nameKey [sha256.Size]byte

type count struct {
	events  int
	expires time.Time
}

// NewWindow returns a Window without events.
func NewWindow(config WindowConfig) *Window {
	w := &Window{config: config, secret: new([sha256.Size]byte), counts: map[nameKey]count{}}
	_, _ = rand.Read(w.secret[:]) // never fails
	return w
}

// Allow reports whether name may have one more event, and counts it if so. If
// the table is full, it rejects new names or forgets an old one, as configured.
func (w *Window) Allow(name string) bool {
	key, now := w.key(name), time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	c, known := w.counts[key]
	if !known && !w.hasCapacityLocked(now) {
		return false
	}
	if !now.Before(c.expires) {
		c = count{expires: now.Add(w.config.Duration)}
	}
	if c.events >= w.config.Limit {
		return false
	}
	c.events++
	w.counts[key] = c
	return true
}

// Refund undoes one allowed event of name.
func (w *Window) Refund(name string) {
	key := w.key(name)
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counts[key]
	c.events--
	if c.events <= 0 {
		delete(w.counts, key) // otherwise refunded names would fill the table
		return
	}
	w.counts[key] = c
}

// hasCapacityLocked reports whether the table has a free entry. If it is full,
// it first deletes the names whose window has ended, and if that does not suffice
// and is configured, the oldest ones.
func (w *Window) hasCapacityLocked(now time.Time) bool {
	if len(w.counts) < w.config.MaxNames {
		return true
	}
	for key, c := range w.counts {
		if !now.Before(c.expires) {
			delete(w.counts, key)
		}
	}
	if w.config.ForgetOldest && len(w.counts) >= w.config.MaxNames {
		w.forgetOldestLocked()
	}
	return len(w.counts) < w.config.MaxNames
}

// forgetOldestLocked deletes a sixteenth of the names, those whose windows end
// first. Deleting them one by one would cost a flood of new names a search each.
func (w *Window) forgetOldestLocked() {
	keys := slices.SortedFunc(maps.Keys(w.counts), func(a, b nameKey) int {
		return w.counts[a].expires.Compare(w.counts[b].expires)
	})
	for _, key := range keys[:1+len(keys)/16] {
		delete(w.counts, key)
	}
}

func (w *Window) key(name string) (k nameKey) {
	mac := hmac.New(sha256.New, w.secret[:])
	mac.Write([]byte(name))
	mac.Sum(k[:0])
	return k
}
