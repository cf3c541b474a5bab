package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"sync"
	"time"
)

// A tokenKey stands for a refresh token in every lookup, so that the time of a
// lookup tells nothing about tokens.
type tokenKey [16]byte

// A hasher makes tokenKeys with an HMAC. Its secret lives as long as the process.
type hasher struct{ macs sync.Pool } // of *bufferedMAC

// bufferedMAC is an HMAC with a buffer for its input and its sum, which would
// otherwise be allocated each time.
type bufferedMAC struct {
	hash.Hash
	buffer []byte
}

func newHasher() *hasher {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return &hasher{sync.Pool{New: func() any { return &bufferedMAC{Hash: hmac.New(sha256.New, secret)} }}}
}

func (h *hasher) key(token Secret) (k tokenKey) {
	mac := h.macs.Get().(*bufferedMAC)
	defer h.macs.Put(mac)
	mac.Reset()
	mac.buffer = append(mac.buffer[:0], token.Reveal()...)
	mac.Write(mac.buffer)
	clear(mac.buffer) // the pool must not keep tokens
	mac.buffer = mac.Sum(mac.buffer[:0])
	copy(k[:], mac.buffer)
	return k
}

// fingerprint returns the eight hex digits that stand for a token in events.
func (h *hasher) fingerprint(token Secret) string {
	if token.IsZero() {
		return ""
	}
	k := h.key(token)
	return hex.EncodeToString(k[:4])
}

// A ttlMap is a bounded map whose entries expire after a fixed time. At its
// bound it evicts the oldest entries. It is not safe for concurrent use.
type ttlMap[V any] struct {
	ttl     time.Duration
	limit   int
	created time.Time
	entries map[tokenKey]ttlEntry[V]
	order   []ttlRecord // as they were put; may name entries that are gone
}

// ttlEntry and ttlRecord hold times as durations since the map was created: a
// third of the size of a time.Time.
type ttlEntry[V any] struct {
	value V
	at    time.Duration
}

type ttlRecord struct {
	key tokenKey
	at  time.Duration
}

func newTTLMap[V any](ttl time.Duration, limit int) *ttlMap[V] {
	return &ttlMap[V]{ttl: ttl, limit: limit, created: time.Now(), entries: map[tokenKey]ttlEntry[V]{}}
}

// get returns the entry of k, unless it has expired.
func (m *ttlMap[V]) get(k tokenKey) (value V, found bool) {
	e, found := m.entries[k]
	if !found || time.Since(m.created)-e.at >= m.ttl {
		return value, false
	}
	return e.value, true
}

// put sets the entry of k. Its life begins now. It returns the number of entries
// that it has evicted before their end.
func (m *ttlMap[V]) put(k tokenKey, value V) (evicted int) { return m.putUntil(k, value, time.Time{}) }

// putUntil is put for an entry that expires at until, if that is earlier than
// the end of its TTL. Zero means the TTL.
func (m *ttlMap[V]) putUntil(k tokenKey, value V, until time.Time) (evicted int) {
	now := time.Since(m.created)
	evicted = m.evict(now)
	at := now
	if !until.IsZero() {
		at = min(at, until.Sub(m.created)-m.ttl)
	}
	m.entries[k] = ttlEntry[V]{value, at}
	m.order = append(m.order, ttlRecord{k, at})
	return evicted
}

// expiresAt returns the end of the entry of k.
func (m *ttlMap[V]) expiresAt(k tokenKey) time.Time {
	return m.created.Add(m.entries[k].at + m.ttl)
}

// delete removes the entry of k.
func (m *ttlMap[V]) delete(k tokenKey) { delete(m.entries, k) }

// evict removes expired entries, and the oldest ones while the map is full; it
// returns the number of the latter. An entry that expires early stays until its
// turn comes.
func (m *ttlMap[V]) evict(now time.Duration) (evicted int) {
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
		m.order = slices.DeleteFunc(m.order, func(r ttlRecord) bool { return !m.isCurrent(r) })
	}
	return evicted
}

// isCurrent reports whether r belongs to an entry that was neither deleted nor
// put again since.
func (m *ttlMap[V]) isCurrent(r ttlRecord) bool {
	e, found := m.entries[r.key]
	return found && e.at == r.at
}
