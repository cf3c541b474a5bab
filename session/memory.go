package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// A tokenKey stands for a refresh token wherever one is looked up, so that
// lookups take a time that says nothing about tokens.
type tokenKey [16]byte

// A hasher makes tokenKeys. Its secret lives as long as the process; it lies
// behind a second pointer, which fmt does not follow.
type hasher struct{ secret *[sha256.Size]byte }

func newHasher() *hasher {
	h := &hasher{new([sha256.Size]byte)}
	_, _ = rand.Read(h.secret[:]) // never fails
	return h
}

func (h *hasher) key(token Secret) (k tokenKey) {
	mac := hmac.New(sha256.New, h.secret[:])
	mac.Write([]byte(token.Reveal()))
	copy(k[:], mac.Sum(nil))
	return k
}

// name returns the eight hex digits that stand for a token in events.
func (h *hasher) name(token Secret) string {
	if token.IsZero() {
		return ""
	}
	k := h.key(token)
	return hex.EncodeToString(k[:4])
}

// A memory is a bounded map whose entries end at a fixed age. At its bound it
// forgets the oldest first. It is not safe for concurrent use.
type memory[V any] struct {
	age     time.Duration
	limit   int
	born    time.Time
	entries map[tokenKey]remembered[V]
	order   []dated // as they were put; may name entries that are gone
}

// remembered and dated hold times as what has passed since the memory was
// born: a third of a time.Time.
type remembered[V any] struct {
	value V
	at    time.Duration
}

type dated struct {
	key tokenKey
	at  time.Duration
}

func newMemory[V any](age time.Duration, limit int) *memory[V] {
	return &memory[V]{age: age, limit: limit, born: time.Now(), entries: map[tokenKey]remembered[V]{}}
}

// get returns the entry of k, unless it has ended.
func (m *memory[V]) get(k tokenKey) (value V, found bool) {
	e, found := m.entries[k]
	if !found || time.Since(m.born)-e.at >= m.age {
		return value, false
	}
	return e.value, true
}

// put sets the entry of k. Its age counts from now.
func (m *memory[V]) put(k tokenKey, value V) { m.putUntil(k, value, time.Time{}) }

// putUntil is put for an entry that ends at until, if that is earlier: it is as
// old as that makes it. Zero: it is not.
func (m *memory[V]) putUntil(k tokenKey, value V, until time.Time) {
	now := time.Since(m.born)
	m.prune(now)
	at := now
	if !until.IsZero() {
		at = min(at, until.Sub(m.born)-m.age)
	}
	m.entries[k] = remembered[V]{value, at}
	m.order = append(m.order, dated{k, at})
}

// end returns when the entry of k ends.
func (m *memory[V]) end(k tokenKey) time.Time { return m.born.Add(m.entries[k].at + m.age) }

// drop removes the entry of k.
func (m *memory[V]) drop(k tokenKey) { delete(m.entries, k) }

// prune removes what has ended, and the oldest while there is no room. What
// ends early goes when its turn comes.
func (m *memory[V]) prune(now time.Duration) {
	for len(m.order) > 0 && (now-m.order[0].at >= m.age || len(m.entries) >= m.limit) {
		if m.current(m.order[0]) {
			delete(m.entries, m.order[0].key)
		}
		m.order = m.order[1:]
	}
	if len(m.order) >= 2*m.limit { // mostly of entries that were dropped
		m.order = slices.DeleteFunc(m.order, func(d dated) bool { return !m.current(d) })
	}
}

// current reports whether d is the age of an entry, rather than of one that
// was dropped or put again since.
func (m *memory[V]) current(d dated) bool {
	e, found := m.entries[d.key]
	return found && e.at == d.at
}
