package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// A follower polls the store, because a notification can be lost.
const (
	minPollInterval = 500 * time.Millisecond // with jitter: half of it at least
	maxPollInterval = 2 * time.Second
)

// call is one refresh as this instance sees it. The instance leads it, follows
// another instance's, or refreshes solo without the store.
type call struct {
	c          *Coordinator
	token      session.Secret
	calls      session.UpstreamCalls
	name       string
	owner      string    // of the lock; random
	leaderSeen time.Time // the last time at which another instance held the lock
}

// result is the result of a call.
type result struct {
	shared session.Shared
	err    error
	orphan *session.Grant // to be revoked, because its user has logged out
}

func newCall(c *Coordinator, token session.Secret, calls session.UpstreamCalls) *call {
	var owner [16]byte
	_, _ = rand.Read(owner[:]) // never fails
	return &call{c: c, token: token, calls: calls, name: c.keys.name(token), owner: hex.EncodeToString(owner[:])}
}

// run finds out what follows the token: from the store, from another instance,
// or from upstream.
func (f *call) run(ctx context.Context) result {
	notified, cancel := f.c.store.notifier.subscribe(f.name)
	defer cancel()
	for interval := minPollInterval; ; interval = min(2*interval, maxPollInterval) {
		e, err := f.acquire(ctx)
		if r, done := f.handle(ctx, e, err); done {
			return r
		}
		if err := waitForLeader(ctx, notified, backoff.Jitter(interval)); err != nil {
			return result{err: err}
		}
	}
}

// acquire takes the lock, or returns the state of the token.
//
// A later caller begins the grace period of the grant that it reads. A follower
// does not: its requests may have ended without the grant, like the leader's.
func (f *call) acquire(ctx context.Context) (entry, error) {
	grace := f.c.grace
	if f.isFollower() {
		grace = 0
	}
	return f.c.store.acquire(ctx, f.name, f.owner, grace)
}

func (f *call) isFollower() bool { return !f.leaderSeen.IsZero() }

// handle handles the state of the token. It reports whether the call is done.
func (f *call) handle(ctx context.Context, e entry, err error) (result, bool) {
	switch {
	case err == nil:
		return f.handleEntry(ctx, e)
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

func (f *call) handleEntry(ctx context.Context, e entry) (result, bool) {
	switch e.state {
	case stateLoggedOut:
		return result{shared: session.Shared{Cached: true}, err: session.ErrLoggedOut}, true
	case stateLeader:
		return f.leader(ctx, e), true
	case stateFollower:
		f.leaderSeen = time.Now()
		return result{}, false
	case stateValue:
		if r, ok := f.cached(ctx, e, !f.isFollower()); ok {
			return r, true
		}
	}
	return f.solo(ctx), true // a foreign value, which counts as absent
}

// waitForLeader waits for a notification, or for d.
func waitForLeader(ctx context.Context, notified <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-notified:
	case <-timer.C:
	case <-ctx.Done():
		return &session.UpstreamError{
			Kind: session.ErrUnavailable, Op: opRefresh, Err: fmt.Errorf("redis: another instance is still refreshing: %w", ctx.Err()),
		}
	}
	return nil
}

// solo refreshes without the store.
func (f *call) solo(ctx context.Context) result {
	return f.finish(ctx, f.fetch(ctx, f.pendingGrant()), false)
}

// leader refreshes for all instances while it holds the lock.
func (f *call) leader(ctx context.Context, e entry) result {
	unverified, ok := f.c.openGrant(f.token, e.value)
	if !ok {
		unverified = f.pendingGrant()
	}
	stop := f.renewLock(ctx)
	o := f.fetch(ctx, unverified)
	stop()
	return f.finish(ctx, o, e.rotated)
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
			_, _ = f.c.store.acquire(ctx, f.name, f.owner, 0) // the next try, or commit, finds out
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
func (f *call) cached(ctx context.Context, e entry, latest bool) (result, bool) {
	kind, plain, err := f.c.keys.open(f.token, e.value)
	if err != nil {
		return result{}, false
	}
	if kind == kindRefusal {
		refusal, err := unmarshalRefusal(plain)
		if err != nil {
			return result{}, false
		}
		refusal.Uncertain = refusal.Uncertain || e.rotated
		return result{shared: session.Shared{Cached: true}, err: refusal}, true
	}
	grant, err := unmarshalGrant(plain)
	if err != nil {
		return result{}, false
	}
	shared := session.Shared{Grant: grant, Cached: true, Until: e.until}
	if latest {
		err = f.followChain(ctx, &shared)
	}
	return result{shared: shared, err: err}, true
}

// followChain follows the rotations from a grant to the latest verified one. If the
// store fails on the way, the grant so far is good enough. An unverified grant is no
// result: its JWT may be invalid, and its token leads to it.
func (f *call) followChain(ctx context.Context, shared *session.Shared) error {
	for range bounds.MaxRotations - 1 {
		token := shared.Grant.RefreshToken.Secret
		e, err := f.c.store.acquire(ctx, f.c.keys.name(token), "", f.c.grace)
		if err == nil && e.state == stateLoggedOut {
			shared.Grant = nil
			return session.ErrLoggedOut
		}
		if err != nil || e.state != stateValue {
			break
		}
		next, ok := f.c.openGrant(token, e.value)
		if !ok || token.Equal(next.RefreshToken.Secret) {
			break
		}
		shared.Grant = next
	}
	return nil
}

// finish commits an outcome and returns the result, which depends on what the
// other instances have committed meanwhile. rotated reports whether the token was
// known to be used before: then a refusal says nothing about the session.
func (f *call) finish(ctx context.Context, o outcome, rotated bool) result {
	expiresAt := time.Now().Add(o.ttl())
	// A canceled call releases its lock, too.
	e, err := f.commit(context.WithoutCancel(ctx), o, expiresAt)
	if err != nil {
		f.commitLater(o, expiresAt)
	} else if o.kind != kindNone {
		f.c.outcomes.remove(f.name)
	}
	switch e.state {
	case stateLoggedOut:
		return result{err: session.ErrLoggedOut, orphan: o.grant}
	case stateValue:
		if r, ok := f.cached(ctx, e, true); ok && r.err == nil {
			return r
		}
	}
	switch {
	case o.err == nil:
		return result{shared: session.Shared{Grant: o.grant}}
	case o.kind == kindRefusal && (rotated || e.rotated):
		return result{err: uncertain(o.err)}
	default:
		return result{err: o.err}
	}
}

// commit writes an outcome into the store.
func (f *call) commit(ctx context.Context, o outcome, expiresAt time.Time) (entry, error) {
	plain, err := o.marshal()
	if err != nil {
		return entry{}, err
	}
	rotated, ttl := !o.repeats(f.token), time.Until(expiresAt)
	if o.kind == kindGrant && !rotated {
		ttl = min(ttl, time.Second) // only the followers may read it
	}
	var sealed []byte
	if plain != nil {
		if sealed, err = f.c.keys.seal(f.token, o.kind, expiresAt, plain); err != nil {
			return entry{}, err
		}
	}
	return f.c.store.commit(ctx, f.name, f.owner, o.kind, sealed, ttl, rotated)
}

// commitLater commits an outcome when the store is back. Outcomes are left out
// while too many wait: the other instances then ask upstream.
func (f *call) commitLater(o outcome, expiresAt time.Time) {
	if o.kind == kindNone && f.pendingGrant() != nil {
		return // it keeps its place
	}
	w := &write{expiresAt: expiresAt}
	w.do = func(ctx context.Context) error {
		e, err := f.commit(ctx, o, expiresAt)
		if err == nil && e.state == stateLoggedOut && o.grant != nil {
			ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
			defer cancel()
			f.calls.Revoke(ctx, o.grant)
		}
		return err
	}
	if o.kind == kindUnverified {
		w.unverified = o.grant
	}
	_ = f.c.outcomes.add(f.name, w)
}
