package fleet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// A follower polls the store, because a message can be lost.
const (
	minPollInterval = 500 * time.Millisecond // with jitter: half of it at least
	maxPollInterval = 2 * time.Second
)

// unrotatedTTL is the time for which followers may read a message with the grant of
// an upstream that does not rotate tokens.
const unrotatedTTL = time.Second

// call is one refresh as this instance sees it. The instance leads it, follows
// another instance's, or refreshes solo without the store.
type call struct {
	c          *Coordinator
	token      session.Secret
	calls      session.UpstreamCalls
	keys       *keyring
	others     []*keyring // of the deployment; the call locks the token under each
	name       name
	owner      owner     // of the lock; random
	held       snapshot  // the record while the call has the lock
	leaderSeen time.Time // the last time at which another call held the lock
}

func newCall(c *Coordinator, keys []*keyring, token session.Secret, calls session.UpstreamCalls) *call {
	f := &call{c: c, token: token, calls: calls, keys: keys[0], others: keys[1:], name: keys[0].name(token)}
	_, _ = rand.Read(f.owner[:]) // never fails
	return f
}

// run finds out what follows the token: from the store, from another instance,
// or from upstream.
func (f *call) run(ctx context.Context) result {
	s, err := f.acquire(ctx, snapshot{})
	if r, done := f.handle(ctx, s, err); done {
		return r
	}
	ctx, unsubscribe := context.WithCancel(ctx)
	defer unsubscribe()
	messages := f.c.operations.messages(ctx, f.name)
	for interval := minPollInterval; ; interval = min(2*interval, maxPollInterval) {
		message, err := waitForLeader(ctx, messages, backoff.Jitter(interval))
		if err != nil {
			return result{err: err}
		}
		s, err := f.next(ctx, message)
		if r, done := f.handle(ctx, s, err); done {
			return r
		}
	}
}

// acquire takes the lock, or returns the state of the token.
func (f *call) acquire(ctx context.Context, base snapshot) (snapshot, error) {
	return f.c.operations.update(ctx, opRefresh, f.name, base, func(s *snapshot) bool { return s.acquire(f.owner, s.now) })
}

// next returns what has become of the token: from a message, or else from the store.
// It takes the lock if that is free.
func (f *call) next(ctx context.Context, message []byte) (s snapshot, err error) {
	if len(message) > 0 {
		now := f.c.operations.clock.now()
		s = snapshot{record: parseRecord(message, now), now: now}
	}
	if state := s.state(f.owner, s.now); state != stateValue && state != stateLoggedOut {
		if s, err = f.c.operations.load(ctx, opRefresh, f.name); err != nil {
			return s, err
		}
	}
	if s.state(f.owner, s.now) == stateNone {
		return f.acquire(ctx, s)
	}
	return s, nil
}

func (f *call) isFollower() bool { return !f.leaderSeen.IsZero() }

// handle handles the state of the token. It reports whether the call is done.
func (f *call) handle(ctx context.Context, s snapshot, err error) (result, bool) {
	switch {
	case err == nil:
		return f.handleState(ctx, s)
	case !f.isFollower():
		return f.solo(ctx), true
	case time.Since(f.leaderSeen) < lockTTL:
		return result{}, false
	default:
		// The leader has used the token: upstream would take a second exchange
		// for a theft.
		return result{err: unavailable(err)}, true
	}
}

func (f *call) handleState(ctx context.Context, s snapshot) (result, bool) {
	switch s.state(f.owner, s.now) {
	case stateLoggedOut:
		return f.loggedOut(ctx), true
	case stateLeader:
		return f.leader(ctx, s), true
	case stateFollower:
		f.leaderSeen = time.Now()
		return result{}, false
	case stateValue:
		for _, keys := range f.others {
			if errors.Is(f.c.checkDelivery(ctx, keys.name(f.token)), session.ErrLoggedOut) {
				return f.loggedOut(ctx), true
			}
		}
		if r, ok := f.cached(ctx, s, !f.isFollower()); ok {
			return r, true
		}
	}
	return f.solo(ctx), true // a foreign value, which counts as absent
}

// loggedOut returns the result for a token with a tombstone. An instance that does
// not have all secrets of the deployment leaves it under some of them only.
func (f *call) loggedOut(ctx context.Context) result {
	for _, keys := range f.others {
		_, _, _ = f.c.leaveTombstones(ctx, keys, f.token) // an error is reported
	}
	return result{shared: session.Shared{Cached: true}, err: session.ErrLoggedOut}
}

// waitForLeader waits for a message, or for d.
func waitForLeader(ctx context.Context, messages <-chan []byte, d time.Duration) (message []byte, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case message = <-messages:
	case <-timer.C:
	case <-ctx.Done():
		return nil, &session.UpstreamError{
			Kind: session.ErrUnavailable, Op: opRefresh, Err: fmt.Errorf("fleet: another instance is still refreshing: %w", ctx.Err()),
		}
	}
	return message, nil
}

// solo refreshes without the store.
func (f *call) solo(ctx context.Context) result {
	return f.finish(ctx, f.fetch(ctx, f.pendingGrant()), false)
}

// leader refreshes for all instances while it holds the lock.
func (f *call) leader(ctx context.Context, s snapshot) result {
	unverified, ok := f.keys.openGrant(f.token, s.value)
	if !ok {
		unverified = f.pendingGrant()
	}
	f.held = s
	stop := f.renewLock(ctx)
	r := f.fetch(ctx, unverified)
	stop()
	return f.finish(ctx, r, s.isRotated(s.now))
}

// pendingGrant returns the unverified grant that the store has missed, or nil.
func (f *call) pendingGrant() *session.Grant {
	if w := f.c.outcomes.get(f.name); w != nil {
		return w.unverified
	}
	return nil
}

// renewLock renews the lock until stop is called: the owner acquires it again. A
// lost lock ends nothing: upstream has been asked already, and commit finds out what
// happened meanwhile.
func (f *call) renewLock(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for backoff.Sleep(ctx, renewInterval) {
			if s, err := f.acquire(ctx, f.held); err == nil { // else the next try, or commit, finds out
				f.held = s
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// cached returns the result that a value holds, and reports whether it could be
// read. A follower takes it as it is; a later caller gets the latest grant that
// follows it.
func (f *call) cached(ctx context.Context, s snapshot, latest bool) (result, bool) {
	kind, plain, err := f.keys.open(f.token, s.value)
	if err != nil {
		return result{}, false
	}
	if kind == kindRefusal {
		refusal, err := unmarshalRefusal(plain)
		if err != nil {
			return result{}, false
		}
		refusal.Uncertain = refusal.Uncertain || s.isRotated(s.now)
		return result{kind: kindRefusal, shared: session.Shared{Cached: true}, err: refusal}, true
	}
	grant, err := unmarshalGrant(plain)
	if err != nil {
		return result{}, false
	}
	r := result{kind: kindGrant, shared: session.Shared{Grant: grant, Cached: true, Until: s.valueExpiry()}}
	if latest {
		f.followChain(ctx, &r, reading{f.name, s})
	}
	return r, true
}

// A reading is the record of a grant that a later caller has read.
type reading struct {
	name     name
	snapshot snapshot
}

// followChain follows the rotations from a grant to the latest verified one. If the
// store fails on the way, the grant so far is good enough. An unverified grant is no
// result: its JWT may be invalid, and its token leads to it.
//
// The grace period of all grants on the way begins when a browser has the last one.
// The leader and the followers begin none: their requests may have ended without the
// grant.
func (f *call) followChain(ctx context.Context, r *result, first reading) {
	readings := []reading{first}
	for range bounds.MaxRotations - 1 {
		token := r.shared.Grant.RefreshToken.Secret
		n := f.keys.name(token)
		s, err := f.c.operations.load(ctx, opRefresh, n)
		if err == nil && s.isLoggedOut(s.now) {
			*r = result{shared: session.Shared{Cached: true}, err: session.ErrLoggedOut}
			return
		}
		if err != nil || s.kind() != kindGrant {
			break
		}
		next, ok := f.keys.openGrant(token, s.value)
		if !ok || token.Equal(next.RefreshToken.Secret) {
			break
		}
		readings = append(readings, reading{n, s})
		r.shared.Grant = next
	}
	r.shared.Delivered = func() { f.c.startGrace(readings) }
}

// startGrace begins the grace period of grants, in the background.
func (c *Coordinator) startGrace(readings []reading) {
	readings = slices.DeleteFunc(readings, func(r reading) bool { return !r.snapshot.startGrace(c.grace, r.snapshot.now) })
	if len(readings) == 0 || !c.begin() {
		return
	}
	c.operations.running.Go(func() {
		defer c.end()
		for _, r := range readings {
			_, _ = c.operations.update(c.operations.stopped, opRefresh, r.name, r.snapshot, func(s *snapshot) bool { // the next delivery begins it, too
				return s.startGrace(c.grace, s.now)
			})
		}
	})
}

// finish commits a result, and returns the one for the callers, which depends on what
// the other instances have committed meanwhile. rotated reports whether the token was
// known to be used before: then a refusal says nothing about the session.
func (f *call) finish(ctx context.Context, r result, rotated bool) result {
	expiresAt := time.Now().Add(r.ttl())
	// A canceled call releases its lock, too.
	s, err := f.commit(context.WithoutCancel(ctx), &r, expiresAt)
	if err != nil {
		f.commitLater(r, expiresAt)
	} else if r.kind != kindNone {
		f.c.outcomes.remove(f.name, nil)
	}
	switch s.found {
	case stateLoggedOut:
		return result{err: session.ErrLoggedOut, orphan: cmp.Or(r.grant(), r.orphan)}
	case stateValue:
		if cached, ok := f.cached(ctx, s, true); ok && cached.err == nil {
			return cached
		}
	}
	var refusal *session.UpstreamError
	if r.kind == kindRefusal && (rotated || s.isRotated(s.now)) && errors.As(r.err, &refusal) {
		uncertain := *refusal
		uncertain.Uncertain = true
		r.err = &uncertain
	}
	return r
}

// commit writes a result into the store, and tells the followers. It returns the new
// record.
func (f *call) commit(ctx context.Context, r *result, expiresAt time.Time) (snapshot, error) {
	w, err := f.settlement(r, expiresAt)
	if err != nil {
		return snapshot{}, err
	}
	s, err := f.c.operations.update(ctx, opRefresh, f.name, f.held, func(s *snapshot) bool {
		return s.settle(&w, s.now.Add(time.Until(expiresAt)))
	})
	if err != nil {
		return s, err
	}
	message := s
	if r.kind == kindGrant && w.next == (name{}) && s.found == stateNone {
		message.setValue(w.value, s.now.Add(unrotatedTTL).UnixMilli())
	}
	f.c.operations.publish(f.name, message)
	if w.next != (name{}) && s.found != stateLoggedOut {
		f.recordIssue(w.next, s.issued, r.grant().JWT)
	}
	return s, nil
}

// recordIssue notes the JWTs that came with the next token and with those before it,
// in the background: a logout with that token denies all of them.
func (f *call) recordIssue(next name, before []byte, jwt session.Secret) {
	denials := append(bytes.Clone(before), f.keys.sealDenial(digestOf(jwt), expiryOf(jwt))...)
	o := f.c.operations
	o.running.Go(func() {
		_, _ = o.update(o.stopped, opRefresh, next, snapshot{}, func(s *snapshot) bool { // else one process has to deny them
			s.issue(denials, s.now)
			return true
		})
	})
}

// commitLater commits a result when the store is back. Results are left out while too
// many wait: the other instances then ask upstream.
func (f *call) commitLater(r result, expiresAt time.Time) {
	if r.kind == kindNone && f.pendingGrant() != nil {
		return // it keeps its place
	}
	w := &write{expiresAt: expiresAt}
	w.do = func(ctx context.Context) error {
		s, err := f.commit(ctx, &r, expiresAt)
		if err == nil && s.found == stateLoggedOut && r.grant() != nil {
			ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
			defer cancel()
			f.calls.Revoke(ctx, r.grant())
		}
		return err
	}
	if r.kind == kindUnverified {
		w.unverified = r.unverified
	}
	_ = f.c.outcomes.add(f.name, w)
}
