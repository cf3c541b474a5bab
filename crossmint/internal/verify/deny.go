package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Deny makes Verify reject the token until it expires, in every spelling: an
// ECDSA signature can be rewritten by anybody who sees it, so the signed part
// counts. A token that is certainly false is not remembered, so that only
// upstream can make the list grow; one that no key can judge now is.
//
// It returns by what others may deny the token, too, with [Verifier.DenyDigest]:
// ok is false for one that nobody takes, or that may be made up.
func (v *Verifier) Deny(ctx context.Context, token string) (digest Digest, until time.Time, ok bool) {
	_, _, verdict := v.Verify(ctx, token, false)
	p, err := v.read(token)
	if err != nil {
		return Digest{}, time.Time{}, false
	}
	digest = digestOf(p.signed)
	switch {
	case verdict == nil, errors.Is(verdict, ErrNotYet):
		v.deny(&v.denied, digest, p.claims.exp)
		ok = true
	case errors.Is(verdict, ErrCannotTell), errors.Is(verdict, ErrUnknownKey):
		v.deny(&v.suspended, digest, p.claims.exp)
	default:
		return Digest{}, time.Time{}, false
	}
	v.cache.evict(v.cache.hash(token))
	return digest, time.Unix(p.claims.exp, 0), ok
}

// DenyDigest makes Verify reject the tokens whose signed part has this digest,
// until they expire. Who gives it answers for its being no made-up one.
func (v *Verifier) DenyDigest(digest Digest, until time.Time) {
	if until.After(v.now()) {
		v.deny(&v.denied, digest, until.Unix())
	}
}

// deny puts a token into a list, and has remembered ones look into it.
func (v *Verifier) deny(list *denyList, digest Digest, exp int64) {
	if list.add(digest, exp, v.now()) {
		v.denials.Add(1)
	}
}

// deniedSince reports whether the token of an entry was denied since it was
// remembered. A denial names the signed part, which several spellings of a token
// share, and does not lead to their entries: one that is used looks for itself,
// once after each denial.
func (v *Verifier) deniedSince(e *entry) bool {
	denials := v.denials.Load() // before the look: what comes later counts again
	if e.denials.Load() == denials {
		return false
	}
	if v.loggedOut(e.token[:strings.LastIndexByte(e.token, '.')]) {
		return true
	}
	e.denials.Store(denials)
	return false
}

// loggedOut reports whether the token with this signed part is denied.
func (v *Verifier) loggedOut(signed string) bool {
	return v.denied.holds(signed) || v.suspended.holds(signed)
}

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
