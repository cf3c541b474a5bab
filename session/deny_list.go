package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
)

var (
	// errDenied: the JWT is valid, but its user has logged out.
	errDenied = fmt.Errorf("%w: %w", ErrJWTInvalid, ErrLoggedOut)
	// errUserDenied: the JWT is valid, but all sessions of its user have ended.
	errUserDenied = fmt.Errorf("%w: all sessions of the user: %w", ErrJWTInvalid, ErrLoggedOut)
)

// maxDenied bounds each half of the deny list; an entry costs about 80 bytes.
const maxDenied = bounds.MaxDenied

// maxUnverifiedDenial bounds the time for which a JWT is denied that could not
// be verified: its "exp" may be forged. Real JWTs live for seven days.
const maxUnverifiedDenial = 30 * 24 * time.Hour

// denyList holds the JWTs whose user has logged out, until they expire. A JWT is
// identified by the SHA-256 of its signing input, because an ECDSA
// signature can be rewritten without the private key. The zero value is empty.
type denyList struct {
	version atomic.Uint64 // counts the additions; 0 while the list is empty

	mu       sync.RWMutex // guards all below
	verified map[[sha256.Size]byte]time.Time
	// unverified holds JWTs that could not be verified when their user logged
	// out. It is a map of its own, so that forged JWTs cannot evict real ones.
	unverified map[[sha256.Size]byte]time.Time
}

// userDenialTTL is the time for which the JWTs of a user are denied that were issued
// before the user's sessions ended: as long as refresh tokens live.
const userDenialTTL = 30 * 24 * time.Hour

// A denial names a JWT by the digest of its signing input, or all JWTs of a user by
// userDigest, and its end.
type denial struct {
	digest [sha256.Size]byte
	until  time.Time
}

// check returns errDenied or errUserDenied if a token is denied. A token remembers the
// version of the list that it was last looked up in, so that most requests compare
// numbers.
func (d *denyList) check(t *Token) error {
	version := d.version.Load() // before the look-up: a later addition counts again
	if version == 0 || t.notDenied.Load() == version {
		return nil
	}
	digest, user := signingInputDigest(t.JWT), userDigest(t.UserID)
	d.mu.RLock()
	_, verified := d.verified[digest]
	_, unverified := d.unverified[digest]
	userUntil, userDenied := d.verified[user]
	d.mu.RUnlock()
	switch {
	case verified || unverified:
		return errDenied
	case userDenied && !t.IssuedAt.After(userUntil.Add(-userDenialTTL)):
		return errUserDenied
	}
	t.notDenied.Store(version)
	return nil
}

// userDigest returns the name of a user in the deny list. No signing input has a
// colon, so that it is not the digest of a JWT.
func userDigest(userID string) [sha256.Size]byte {
	var buffer [128]byte // on the stack
	return sha256.Sum256(append(append(buffer[:0], "user:"...), userID...))
}

// signingInputDigest returns the SHA-256 of a JWT's signing input (RFC 7515 §2):
// everything before the last dot.
func signingInputDigest(jwt Secret) [sha256.Size]byte {
	text := jwt.Reveal()
	var buffer [1 << 10]byte // on the stack; []byte(text) would allocate
	return sha256.Sum256(append(buffer[:0], text[:max(0, strings.LastIndexByte(text, '.'))]...))
}

func (d *denyList) add(digest [sha256.Size]byte, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.verified == nil {
		d.verified = map[[sha256.Size]byte]time.Time{}
	}
	d.addLocked(d.verified, digest, until)
}

func (d *denyList) addUnverified(digest [sha256.Size]byte, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unverified == nil {
		d.unverified = map[[sha256.Size]byte]time.Time{}
	}
	d.addLocked(d.unverified, digest, until)
}

func (d *denyList) addLocked(list map[[sha256.Size]byte]time.Time, digest [sha256.Size]byte, until time.Time) {
	if known, found := list[digest]; found && !until.After(known) {
		return
	}
	if len(list) >= maxDenied {
		evictDenied(list, time.Now())
	}
	list[digest] = until
	d.version.Add(1)
}

// evictDenied removes expired entries, or one that expires early. It looks at a
// random sample, so that a full list stays cheap.
func evictDenied(list map[[sha256.Size]byte]time.Time, now time.Time) {
	const sample = 64
	var first [sha256.Size]byte
	var firstUntil time.Time
	seen, removed := 0, false
	for digest, until := range list {
		if !until.After(now) {
			delete(list, digest)
			removed = true
		} else if firstUntil.IsZero() || until.Before(firstUntil) {
			first, firstUntil = digest, until
		}
		if seen++; seen >= sample {
			break
		}
	}
	if !removed {
		delete(list, first)
	}
}

// deny denies the JWT of c, here and in the fleet. The coordinator of the fleet
// reports a failed broadcast: the session has ended all the same, and the user
// can do nothing about it. An invalid JWT is not remembered, so that forged JWTs
// cannot fill the list.
func (m *Manager) deny(ctx context.Context, c *candidate) {
	switch {
	case c.JWT.IsZero():
	case c.isSigned():
		_ = m.denyInFleet(ctx, denial{signingInputDigest(c.JWT), c.token.ExpiresAt}) // reported by the coordinator
	case errors.Is(c.err, ErrUnavailable), errors.Is(c.err, ErrJWTKeyUnknown):
		if until, ok := unverifiedExpiry(c.JWT); ok {
			m.denied.addUnverified(signingInputDigest(c.JWT), until)
		}
	}
}

// denyInFleet denies a JWT that upstream has issued, or a user. This process does so
// even if the JWT has expired: the clock may go back.
func (m *Manager) denyInFleet(ctx context.Context, d denial) error {
	m.denied.add(d.digest, d.until)
	fleet, ok := m.config.Coordinator.(DenyListBroadcaster)
	if !ok || !d.until.After(time.Now()) {
		return nil
	}
	return recoverPanic(ctx, m.report, "logout", func() error { return fleet.Deny(ctx, d.digest, d.until) })
}

// unverifiedExpiry returns the "exp" of a JWT whose signature was not checked,
// bounded by maxUnverifiedDenial.
func unverifiedExpiry(jwt Secret) (time.Time, bool) {
	claims, err := decodeClaims[struct {
		Exp float64 `json:"exp"`
	}](jwt)
	if err != nil || claims.Exp <= 0 {
		return time.Time{}, false
	}
	latest := time.Now().Add(maxUnverifiedDenial)
	if claims.Exp >= float64(latest.Unix()) {
		return latest, true
	}
	return time.Unix(int64(claims.Exp), 0), true
}

// subscribeDenials makes the denials of other instances count here, too.
func (m *Manager) subscribeDenials() {
	fleet, ok := m.config.Coordinator.(DenyListBroadcaster)
	if !ok {
		return
	}
	fleet.OnDeny(func(digest [sha256.Size]byte, until time.Time) {
		if until.After(time.Now()) {
			m.denied.add(digest, until)
			m.connections.closeAll(digest) // if it is a user's
		}
	})
}
