package verify

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"
)

// maxDenied bounds the deny list; an entry costs about 80 bytes. Beyond it the
// tokens that end first are forgotten first, among a few looked at.
const maxDenied = 1 << 16

// A Digest is the SHA-256 of a token's signed part: its name to others, who
// need not see the token to deny it.
type Digest = [sha256.Size]byte

// digestOf copies the text to the stack, where it usually has room: to convert
// it would allocate.
func digestOf(signed string) Digest {
	var buffer [1 << 10]byte
	return sha256.Sum256(append(buffer[:0], signed...))
}

// denyList holds the signed parts of tokens whose user has logged out, until
// the tokens expire. The zero value is empty.
type denyList struct {
	count atomic.Int64 // lets the usual empty list cost one load

	mu      sync.RWMutex // guards expires
	expires map[Digest]int64
}

// holds reports whether a token with this signed part is denied.
func (d *denyList) holds(signed string) bool {
	if d.count.Load() == 0 {
		return false
	}
	digest := digestOf(signed)
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, found := d.expires[digest]
	return found
}

// add denies tokens whose signed part has this digest, and which expire at
// exp. It reports whether that is new.
func (d *denyList) add(digest Digest, exp int64, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, found := d.expires[digest]; found {
		return false
	}
	if d.expires == nil {
		d.expires = map[Digest]int64{}
	}
	if len(d.expires) >= maxDenied {
		d.makeRoom(now.Unix())
	}
	d.expires[digest] = exp
	d.count.Store(int64(len(d.expires)))
	return true
}

// makeRoom removes the tokens that are over, or one that ends early.
func (d *denyList) makeRoom(now int64) {
	const sample = 64 // of the map's random order
	first, firstExp, looked := Digest{}, int64(0), 0
	removed := false
	for digest, exp := range d.expires {
		if exp <= now {
			delete(d.expires, digest)
			removed = true
		} else if firstExp == 0 || exp < firstExp {
			first, firstExp = digest, exp
		}
		if looked++; looked >= sample {
			break
		}
	}
	if !removed {
		delete(d.expires, first)
	}
}
