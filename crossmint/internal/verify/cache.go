package verify

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/session"
)

const (
	// maxCacheEntries is enough for the users of one busy minute. A token of
	// 850 bytes costs about 1.1 KiB.
	maxCacheEntries = 1 << 17
	// entryTTL bounds the time for which a signature is not checked again.
	entryTTL = time.Minute
	// slotsPerBucket is the number of slots that one token can be in. A bucket
	// fills about one and a half cache lines.
	slotsPerBucket = 8
	// initialBuckets is the size of the table of an empty cache: 6 KiB.
	initialBuckets = 64
)

// cache holds the tokens that passed every check except that of "exp". Forged
// tokens never get into it. A hit means that the whole token is the same byte
// for byte; the hash only finds the bucket.
//
// Readers take no lock and write nothing, so that one hot token does not make
// cores wait for each other. A reader that runs beside a writer may miss an
// entry; the token is then verified once more.
type cache struct {
	seed  maphash.Seed
	table atomic.Pointer[table]
	limit int

	mu        sync.Mutex // held by writers; guards all below
	entries   int
	clockHand int // the bucket that was emptied last
}

// table holds the buckets; their number is a power of two. It grows with the
// entries: the garbage collector scans all of it in every cycle, and a service
// with few users has many short cycles.
type table []bucket

// bucket holds the slots that one hash leads to. A tag is a part of the hash; it
// avoids comparing whole tokens.
type bucket struct {
	tags    [slotsPerBucket]atomic.Uint32
	entries [slotsPerBucket]atomic.Pointer[entry]
}

// entry is a verified token. Expired tokens are cached, too: a burst of requests
// with one expired token is the typical start of a refresh.
type entry struct {
	token      session.Token // handed out by its address
	verifiedAt time.Duration // as fetcher.elapsed
	key        *key
}

func newCache() *cache {
	c := &cache{seed: maphash.MakeSeed(), limit: maxCacheEntries}
	c.table.Store(newTable(initialBuckets))
	return c
}

func newTable(buckets int) *table {
	t := make(table, buckets)
	return &t
}

// fresh reports whether the signature need not be checked again.
func (e *entry) fresh(elapsed time.Duration) bool {
	age := elapsed - e.verifiedAt
	return age >= 0 && age < entryTTL && !e.key.retired.Load()
}

// hash hashes the end of a token's signature. An attacker cannot choose it for a
// token that gets into the cache, because those have a correct signature.
func (c *cache) hash(jwt string) uint64 {
	const suffix = 32
	return maphash.String(c.seed, jwt[max(0, len(jwt)-suffix):])
}

func (t table) bucket(hash uint64) (b *bucket, tag uint32) {
	return &t[hash&uint64(len(t)-1)], uint32(hash >> 32)
}

// get returns the fresh entry for a token, or nil.
func (c *cache) get(hash uint64, jwt string, elapsed time.Duration) *entry {
	b, tag := c.table.Load().bucket(hash)
	for i := range b.tags {
		if b.tags[i].Load() != tag {
			continue
		}
		if e := b.entries[i].Load(); e != nil && e.token.JWT.Reveal() == jwt && e.fresh(elapsed) {
			return e
		}
	}
	return nil
}

func (c *cache) put(hash uint64, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.table.Load()
	switch {
	case c.entries >= c.limit:
		c.evictLocked(*t)
	case 8*c.entries >= 3*slotsPerBucket*len(*t): // beyond that more buckets would overflow
		t = c.growLocked(*t)
	}
	if t.put(hash, e) {
		c.entries++
	}
}

// put stores e in its bucket. It replaces an entry for the same token or one
// that is no longer fresh, else fills an empty slot, else replaces the oldest
// entry. It reports whether the slot was empty.
func (t table) put(hash uint64, e *entry) bool {
	b, tag := t.bucket(hash)
	slot := 0
	var oldest *entry
	for i := range b.entries {
		old := b.entries[i].Load()
		if old == nil || old.token.JWT.Reveal() == e.token.JWT.Reveal() || !old.fresh(e.verifiedAt) {
			slot = i
			break
		}
		if oldest == nil || old.verifiedAt < oldest.verifiedAt {
			slot, oldest = i, old
		}
	}
	b.tags[slot].Store(tag)
	return b.entries[slot].Swap(e) == nil
}

// growLocked moves the entries into a table of twice the size. Readers that
// started earlier still use the old one, which does not change any more.
func (c *cache) growLocked(old table) *table {
	grown := newTable(2 * len(old))
	c.entries = 0
	for i := range old {
		for j := range old[i].entries {
			if e := old[i].entries[j].Load(); e != nil && grown.put(c.hash(e.token.JWT.Reveal()), e) {
				c.entries++
			}
		}
	}
	c.table.Store(grown)
	return grown
}

// evictLocked empties the next bucket that is not empty.
func (c *cache) evictLocked(t table) {
	before := c.entries
	for range t {
		c.clockHand = (c.clockHand + 1) % len(t)
		b := &t[c.clockHand]
		for i := range b.entries {
			if b.entries[i].Swap(nil) != nil {
				c.entries--
			}
		}
		if c.entries < before {
			return
		}
	}
}
