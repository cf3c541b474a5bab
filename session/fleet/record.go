package fleet

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
)

// A record is the state of one token in the store: the lock, the marks, the JWTs that
// were issued with it, and the sealed value. Its methods are the steps of the protocol.
// They change nothing but the record; operations.update makes them. All times are the
// store's.
type record struct {
	recordHeader
	issued []byte // sealed denials of the JWTs that came with the token and with those before it
	value  []byte // sealed; its first byte is its kind
}

// recordHeader is the part of a record that has a fixed size. Times are in ms since
// 1970; a time in the past or in the far future counts as absent.
type recordHeader struct {
	Format         byte
	Owner          owner // of the lock
	LockedUntil    int64
	RotatedUntil   int64 // the token is known to be used until then
	LoggedOutUntil int64 // the tombstone
	ValueUntil     int64
	Next           name // of the token that follows this one
	IssuedUntil    int64
	IssuedBytes    uint16
}

// An owner is a random name of a call.
type owner [16]byte

const recordFormat = 1

var headerLength = binary.Size(recordHeader{})

// parseRecord returns the record in a value of the store. Foreign values count as
// absent.
func parseRecord(stored []byte, now time.Time) (r record) {
	if len(stored) < headerLength {
		return record{}
	}
	if _, err := binary.Decode(stored, binary.BigEndian, &r.recordHeader); err != nil || r.Format != recordFormat {
		return record{}
	}
	rest := stored[headerLength:]
	issued := min(int(r.IssuedBytes), len(rest))
	if isLive(r.IssuedUntil, now) {
		r.issued = rest[:issued]
	}
	if isLive(r.ValueUntil, now) {
		r.value = rest[issued:]
	}
	return r
}

// marshal returns the bytes to store and their TTL; nil if the record holds nothing.
func (r *record) marshal(now time.Time) (stored []byte, ttl time.Duration) {
	var last int64
	for _, until := range []int64{r.LockedUntil, r.RotatedUntil, r.LoggedOutUntil, r.ValueUntil, r.IssuedUntil} {
		if isLive(until, now) {
			last = max(last, until)
		}
	}
	if last == 0 {
		return nil, time.Millisecond
	}
	r.Format, r.IssuedBytes = recordFormat, uint16(len(r.issued))
	stored, _ = binary.Append(make([]byte, 0, headerLength+len(r.issued)+len(r.value)), binary.BigEndian, &r.recordHeader) // fixed size
	return append(append(stored, r.issued...), r.value...), time.UnixMilli(last).Sub(now)
}

// isLive reports whether a mark counts. No mark lives for a day.
func isLive(until int64, now time.Time) bool {
	n := now.UnixMilli()
	return until > n && until < n+(24*time.Hour).Milliseconds()
}

func (r *record) isLoggedOut(now time.Time) bool { return isLive(r.LoggedOutUntil, now) }
func (r *record) isRotated(now time.Time) bool   { return isLive(r.RotatedUntil, now) }

func (r *record) isLockedBy(o owner, now time.Time) bool {
	return r.Owner == o && o != owner{} && isLive(r.LockedUntil, now)
}

func (r *record) isLocked(now time.Time) bool { return r.isLockedBy(r.Owner, now) }

// kind returns the kind of the value; kindNone if there is none.
func (r *record) kind() kind {
	if len(r.value) == 0 {
		return kindNone
	}
	return kind(r.value[0])
}

func (r *record) setValue(value []byte, until int64) { r.value, r.ValueUntil = value, until }

func (r *record) unlock() { r.Owner, r.LockedUntil = owner{}, 0 }

// state is the state of a token for one call.
type state int

const (
	stateNone      state = iota // the store has nothing
	stateLoggedOut              // there is a tombstone
	stateLeader                 // the caller has the lock now
	stateFollower               // another call has the lock
	stateValue                  // there is a grant or a refusal
)

// state returns the state of the token for the call of an owner.
func (r *record) state(o owner, now time.Time) state {
	switch {
	case r.isLoggedOut(now):
		return stateLoggedOut
	case r.kind() == kindGrant, r.kind() == kindRefusal:
		return stateValue
	case r.isLockedBy(o, now):
		return stateLeader
	case r.isLocked(now):
		return stateFollower
	default:
		return stateNone
	}
}

// issue adds the JWTs that came with the token and with those before it, of which the
// last ones are kept.
func (r *record) issue(denials []byte, now time.Time) {
	all := append(bytes.Clone(r.issued), denials...)
	r.issued = all[max(0, len(all)-bounds.MaxRotations*denialBytes):]
	r.IssuedUntil = now.Add(bounds.UsedTTL).UnixMilli()
}

// acquire takes or renews the lock if there is nothing else to do with the token. It
// reports whether the record has changed.
func (r *record) acquire(o owner, now time.Time) (changed bool) {
	if s := r.state(o, now); s != stateNone && s != stateLeader {
		return false
	}
	r.Owner, r.LockedUntil = o, now.Add(lockTTL).UnixMilli()
	return true
}

// startGrace begins the grace period of a grant. It reports whether the record has
// changed: later readers do not prolong the period.
func (r *record) startGrace(grace time.Duration, now time.Time) (changed bool) {
	until := now.Add(grace).UnixMilli()
	if r.kind() != kindGrant || r.ValueUntil <= until {
		return false
	}
	r.ValueUntil = until
	return true
}

// A settlement is the result of the upstream calls for a token, as it is written to
// the record.
type settlement struct {
	owner owner
	kind  kind
	value []byte // sealed
	next  name   // of the token that follows; zero where upstream has not rotated the token
}

// settle writes a result and releases the lock, if the owner still holds it. It
// reports whether the record has changed, and notes the state that it has found.
//
// A grant is stored whichever call holds the lock now, because it follows the token
// in any case. A refusal never replaces a grant, and is stored only for the owner of
// the lock. A grant of an upstream that does not rotate the token is not stored: the
// message of the settlement brings it to the followers.
func (s *snapshot) settle(w *settlement, expiresAt time.Time) (changed bool) {
	before := s.record
	mine, granted, until := s.Owner == w.owner, s.kind() == kindGrant, expiresAt.UnixMilli()
	s.found = stateNone
	switch {
	case s.isLoggedOut(s.now):
		s.setValue(nil, 0)
		s.found = stateLoggedOut
	case w.kind == kindGrant && w.next == name{}:
		if s.kind() == kindUnverified {
			s.setValue(nil, 0)
		}
	case w.kind == kindGrant || w.kind == kindUnverified && !granted:
		s.setValue(w.value, until)
		if w.next != (name{}) {
			s.RotatedUntil, s.Next = until, w.next
		}
	case granted:
		s.found = stateValue
	case w.kind == kindRefusal && mine:
		s.setValue(w.value, until)
	}
	if mine {
		s.unlock()
	}
	return s.recordHeader != before.recordHeader || !bytes.Equal(s.value, before.value)
}

// logout leaves a tombstone, and removes an unverified grant, unless a call holds
// the lock: that call finds the tombstone. It notes the value that leads to the next
// token.
func (s *snapshot) logout() {
	s.LoggedOutUntil, s.leading = s.now.Add(tombstoneTTL).UnixMilli(), s.value
	switch {
	case s.kind() != kindUnverified:
	case s.isLocked(s.now):
		s.leading = nil
	default:
		s.setValue(nil, 0)
	}
}

// isSuperseded reports whether a browser has a grant that follows the token: its
// grace period has begun or ended.
func (r *record) isSuperseded(now time.Time) bool {
	switch r.kind() {
	case kindUnverified:
		return false
	case kindGrant:
		return r.ValueUntil < r.RotatedUntil
	default:
		return r.isRotated(now)
	}
}

// next returns the name of the token that follows; zero if none is known.
func (r *record) next(now time.Time) name {
	if !r.isRotated(now) {
		return name{}
	}
	return r.Next
}
