// Package ttlmap holds a bounded map whose entries expire.
package ttlmap

import (
	"slices"
	"time"
)

// A Map is a bounded map whose entries expire after a fixed time. At its
// bound it evicts the oldest entries. It is not safe for concurrent use.
type Map[K comparable, V any] struct {
	ttl     time.Duration
	limit   int
	created time.Time
	entries map[K]entry[V]
	order   []record[K] // as they were put; may name entries that are gone
}

// entry and record hold times as durations since the map was created: a
// third of the size of a time.Time.
type entry[V any] struct {
	value V
	at    time.Duration
}

type record[K comparable] struct {
	key K
	at  time.Duration
}

// New returns an empty Map for up to limit entries.
func New[K comparable, V any](ttl time.Duration, limit int) *Map[K, V] {
	return &Map[K, V]{ttl: ttl, limit: limit, created: time.Now(), entries: map[K]entry[V]{}}
}

// Get returns the entry of k, unless it has expired.
func (m *Map[K, V]) Get(k K) (value V, found bool) {
	e, found := m.entries[k]
	if !found || time.Since(m.created)-e.at >= m.ttl {
		return value, false
	}
	return e.value, true
}

// Put sets the entry of k. Its life begins now. It returns the number of entries
// that it has evicted before their end.
func (m *Map[K, V]) Put(k K, value V) (evicted int) { return m.PutUntil(k, value, time.Time{}) }

// PutUntil is Put for an entry that expires at until, if that is earlier than
// the end of its TTL. Zero means the TTL.
func (m *Map[K, V]) PutUntil(k K, value V, until time.Time) (evicted int) {
	now := time.Since(m.created)
	evicted = m.evict(now)
	at := now
	if !until.IsZero() {
		at = min(at, until.Sub(m.created)-m.ttl)
	}
	m.entries[k] = entry[V]{value, at}
	m.order = append(m.order, record[K]{k, at})
	return evicted
}

// ExpiresAt returns the end of the entry of k.
func (m *Map[K, V]) ExpiresAt(k K) time.Time {
	return m.created.Add(m.entries[k].at + m.ttl)
}

// Delete removes the entry of k.
func (m *Map[K, V]) Delete(k K) { delete(m.entries, k) }

// evict removes expired entries, and the oldest ones while the map is full; it
// returns the number of the latter. An entry that expires early stays until its
// turn comes.
func (m *Map[K, V]) evict(now time.Duration) (evicted int) {
	for len(m.order) > 0 && (now-m.order[0].at >= m.ttl || len(m.entries) >= m.limit) {
		if m.isCurrent(m.order[0]) {
			delete(m.entries, m.order[0].key)
			if now-m.order[0].at < m.ttl {
				evicted++
			}
		}
		m.order = m.order[1:]
	}
	if len(m.order) >= 2*m.limit { // most of them name deleted entries
		m.order = slices.DeleteFunc(m.order, func(r record[K]) bool { return !m.isCurrent(r) })
	}
	return evicted
}

// isCurrent reports whether r belongs to an entry that was neither deleted nor
// Put again since.
func (m *Map[K, V]) isCurrent(r record[K]) bool {
	e, found := m.entries[r.key]
	return found && e.at == r.at
}

// Sizes returns the number of entries, of the records that order them, and the
// bound of the entries.
func (m *Map[K, V]) Sizes() (entries, records, limit int) {
	return len(m.entries), len(m.order), m.limit
}
