package verify

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the verified-token cache.
const (
	// defaultCacheEntries remembers the users of one busy minute; a token of
	// 850 bytes costs about 1.1 KiB.
	defaultCacheEntries = 1 << 17
	// maxEntryAge bounds how long a verdict is believed: what is decided
	// elsewhere reaches this process at the latest after it.
	maxEntryAge = time.Minute
	// ways is how many places a token can be in; one group of places fills
	// about one and a half cache lines.
	ways = 8
)

// cache remembers tokens that passed every check but that of the time, and
// nothing else: whoever sends made-up tokens leaves no trace in it. A hit means
// that the whole token is the same byte for byte; the hash only finds the place.
//
// Readers take no lock, and write nothing but once after a denial, so one hot
// token does not make cores wait for each other. A reader that meets a writer may
// miss an entry; it then verifies the token once more.
type cache struct {
	seed  maphash.Seed
	table atomic.Pointer[table]
	limit int

	mu      sync.Mutex // held by writers; guards what follows
	entries int
	hand    int // the group in which room was made last
}

// table holds the groups; their number is a power of two. It grows with the
// entries: the collector looks at all of it in every cycle, and a service with
// few users has many short ones.
type table []group

// firstGroups is the size of an empty cache's table: 6 KiB.
const firstGroups = 64

// group is the places that one hash can lead to. A tag is a part of the hash;
// it spares looking at entries that cannot be meant.
type group struct {
	tags    [ways]atomic.Uint32
	entries [ways]atomic.Pointer[entry]
}

// entry is a verified token. Its time may be over: that it was correctly signed
// is still worth knowing, since a herd with one expired token is the usual way
// to a refresh.
type entry struct {
	token   string
	claims  Claims
	checked time.Duration // as fetcher.elapsed
	key     *key
	// denials is the Verifier's at the last look into the deny lists.
	denials atomic.Uint64
}

func newCache(limit int) *cache {
	if limit <= 0 {
		limit = defaultCacheEntries
	}
	c := &cache{seed: maphash.MakeSeed(), limit: limit}
	c.table.Store(newTable(firstGroups))
	return c
}

func newTable(groups int) *table {
	t := make(table, groups)
	return &t
}

// newEntry copies the token: the string that came in is a part of the whole
// Cookie header and would keep it alive.
func newEntry(token string, claims Claims, k *key, checked time.Duration) *entry {
	return &entry{token: strings.Clone(token), claims: claims, checked: checked, key: k}
}

// holds reports whether the signature's verdict is still to be believed.
func (e *entry) holds(elapsed time.Duration) bool {
	age := elapsed - e.checked
	return age >= 0 && age < maxEntryAge && !e.key.retired.Load()
}

// hash hashes the end of a token's signature, which nobody can choose for a
// token that counts: only those with a correct signature are in the cache.
func (c *cache) hash(token string) uint64 {
	const enough = 32
	return maphash.String(c.seed, token[max(0, len(token)-enough):])
}

func (t table) place(hash uint64) (*group, uint32) {
	return &t[hash&uint64(len(t)-1)], uint32(hash >> 32)
}

// get returns the entry for token that holds, or nil.
func (c *cache) get(hash uint64, token string, elapsed time.Duration) *entry {
	g, tag := c.table.Load().place(hash)
	for i := range g.tags {
		if g.tags[i].Load() != tag {
			continue
		}
		if e := g.entries[i].Load(); e != nil && e.token == token && e.holds(elapsed) {
			return e
		}
	}
	return nil
}

// put remembers e unless it is denied, and reports whether it did: in the
// place of an entry for the same token or one that is over, else in an empty
// one, else in that of the oldest of its group.
//
// It asks with the mutex held. Whoever denies a token evicts it afterwards, so
// that nothing denied is remembered for long.
func (c *cache) put(hash uint64, e *entry, denied func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if denied() {
		return false
	}
	t := c.table.Load()
	switch {
	case c.entries >= c.limit:
		c.makeRoom(*t)
	case 8*c.entries >= 3*ways*len(*t): // later more groups would overflow
		t = c.grow(*t)
	}
	if t.put(hash, e) {
		c.entries++
	}
	return true
}

// put puts e into its group and reports whether that took an empty place.
func (t table) put(hash uint64, e *entry) bool {
	g, tag := t.place(hash)
	victim := 0
	var oldest *entry
	for i := range g.entries {
		old := g.entries[i].Load()
		if old == nil || old.token == e.token || !old.holds(e.checked) {
			victim = i
			break
		}
		if oldest == nil || old.checked < oldest.checked {
			victim, oldest = i, old
		}
	}
	g.tags[victim].Store(tag)
	return g.entries[victim].Swap(e) == nil
}

// grow moves the entries into a table of twice the size. Readers of the old
// one, which nobody changes any more, began before. The mutex is held.
func (c *cache) grow(old table) *table {
	grown := newTable(2 * len(old))
	c.entries = 0
	for i := range old {
		for j := range old[i].entries {
			if e := old[i].entries[j].Load(); e != nil && grown.put(c.hash(e.token), e) {
				c.entries++
			}
		}
	}
	c.table.Store(grown)
	return grown
}

// makeRoom empties the next group that is not empty. The mutex is held.
func (c *cache) makeRoom(t table) {
	before := c.entries
	for range t {
		c.hand = (c.hand + 1) % len(t)
		for i := range ways {
			c.drop(&t[c.hand], i)
		}
		if c.entries < before {
			return
		}
	}
}

// drop empties one place. The mutex is held.
func (c *cache) drop(g *group, i int) {
	if g.entries[i].Swap(nil) != nil {
		c.entries--
	}
}

// evict forgets the token that has the hash.
func (c *cache) evict(hash uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, tag := c.table.Load().place(hash)
	for i := range g.tags {
		if g.tags[i].Load() == tag {
			c.drop(g, i)
		}
	}
}
