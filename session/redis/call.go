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
	c     *Coordinator
	token session.Secret
	calls session.UpstreamCalls
	name  string
	owner string // of the lock; random
	// uncertain reports that the store was unavailable, or may have lost
	// something: a refusal must not delete cookies.
	uncertain  bool
	leaderSeen time.Time // the last time at which another instance held the lock
	unhush     func()    // set while this call stops the heartbeat
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
	ear := f.c.store.bell.listen(f.name)
	defer ear.leave()
	defer f.release()
	for interval := minPollInterval; ; interval = min(2*interval, maxPollInterval) {
		e, err := f.acquire(ctx)
		if r, done := f.handle(ctx, e, err); done {
			return r
		}
		if err := waitForLeader(ctx, ear, backoff.Jitter(interval)); err != nil {
			return result{err: err}
		}
	}
}

// acquire takes the lock, or returns the state of the token. A value that does
// not open is removed, and makes refusals uncertain.
func (f *call) acquire(ctx context.Context) (entry, error) {
	e, err := f.c.store.acquire(ctx, f.name, f.owner, nil)
	if err != nil || len(e.value) == 0 {
		return e, err
	}
	if _, _, err := f.c.keys.open(f.token, e.value); err == nil {
		return e, nil
	}
	return f.c.store.acquire(ctx, f.name, f.owner, e.value)
}

// handle handles the state of the token. It reports whether the call is done.
func (f *call) handle(ctx context.Context, e entry, err error) (result, bool) {
	if err != nil {
		return f.handleError(ctx, err)
	}
	switch e.state {
	case stateLoggedOut:
		return result{shared: session.Shared{Cached: true}, err: session.ErrLoggedOut}, true
	case stateLeader:
		return f.leader(ctx, e), true
	case stateFollower:
		f.leaderSeen = time.Now()
		return result{}, false
	case stateValue:
		if r, ok := f.cached(ctx, e, f.leaderSeen.IsZero()); ok {
			return r, true
		}
	}
	return f.solo(ctx), true // the store does not follow the protocol
}

// handleError handles a store that is unavailable. It reports whether the call
// is done.
func (f *call) handleError(ctx context.Context, err error) (result, bool) {
	switch {
	case f.leaderSeen.IsZero():
		f.hush()
		if f.c.presence.silent() {
			return f.solo(ctx), true
		}
	case time.Since(f.leaderSeen) >= lockTTL:
		// The leader has used the token: upstream would take a second exchange
		// for a theft.
		return result{err: unavailable(err)}, true
	}
	return result{}, false
}

// hush stops the heartbeat of the instance until release: an instance that
// refreshes solo must be listed as missing until its outcome is published.
func (f *call) hush() {
	if f.unhush == nil {
		f.unhush = f.c.presence.hush()
	}
}

func (f *call) release() {
	if f.unhush != nil {
		f.unhush()
	}
}

// waitForLeader waits for a notification, or for d.
func waitForLeader(ctx context.Context, ear *ear, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ear.heard:
	case <-timer.C:
	case <-ctx.Done():
		return &session.UpstreamError{
			Kind: session.ErrUnavailable, Op: opRefresh, Err: fmt.Errorf("redis: another instance is still refreshing: %w", ctx.Err()),
		}
	}
	return nil
}

// solo refreshes without the store. The outcome is published as soon as the
// store is available.
func (f *call) solo(ctx context.Context) result {
	f.uncertain = true
	return f.finish(ctx, f.fetch(ctx, f.c.late.keptOf(f.name)))
}

// leader refreshes for all instances while it holds the lock.
func (f *call) leader(ctx context.Context, e entry) result {
	f.uncertain = f.uncertain || e.uncertain || e.rotated || e.age < troubleAge
	if e.ownerDied {
		f.c.report.died(ctx)
	}
	unverified, ok := f.c.openGrant(f.token, e.value)
	if !ok {
		unverified = f.c.late.keptOf(f.name)
	}
	stop := f.renewLock(ctx)
	o := f.fetch(ctx, unverified)
	stop()
	return f.finish(ctx, o)
}

// renewLock renews the lock until stop is called. A lost lock ends nothing:
// upstream has been asked already, and commit finds out what happened meanwhile.
func (f *call) renewLock(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for backoff.Sleep(ctx, renewInterval) {
			_, _ = f.c.store.renew(ctx, f.name, f.owner) // the next try, or commit, finds out
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
		return result{shared: session.Shared{Cached: true}, err: refusal}, err == nil
	}
	grant, ok := f.c.openGrant(f.token, e.value)
	if !ok {
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
		e, err := f.c.store.acquire(ctx, f.c.keys.name(token), "", nil)
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
// other instances have committed meanwhile.
func (f *call) finish(ctx context.Context, o outcome) result {
	if f.uncertain || f.c.store.breaker.doubts() || o.isDefinite() && f.c.presence.misses(ctx) {
		o.makeUncertain()
	}
	if o.kind != kindNone {
		f.c.late.forget(f.name, f.c.late.keptOf(f.name))
	}
	// A canceled call releases its lock, too.
	e, err := f.commit(context.WithoutCancel(ctx), o, time.Now().Add(f.c.ttl(o.kind)))
	switch {
	case err != nil:
		o.makeUncertain()
		f.c.late.add(f, o)
	case e.state == stateLoggedOut:
		return result{err: session.ErrLoggedOut, orphan: o.grant}
	case e.state == stateValue:
		if r, ok := f.cached(ctx, e, true); ok && r.err == nil {
			return r
		}
		o.makeUncertain()
	case e.state == stateLockLost:
		o.makeUncertain()
	}
	if o.err != nil {
		return result{err: o.err}
	}
	return result{shared: session.Shared{Grant: o.grant}}
}

// commit writes an outcome into the store, where it expires at until.
func (f *call) commit(ctx context.Context, o outcome, until time.Time) (entry, error) {
	plain, err := o.marshal()
	if err != nil {
		return entry{}, err
	}
	rotated, ttl := !o.repeats(f.token), time.Until(until)
	if o.kind == kindGrant && !rotated {
		ttl = min(ttl, time.Second) // only the followers may read it
	}
	var sealed []byte
	if plain != nil {
		if sealed, err = f.c.keys.seal(f.token, o.kind, until, plain); err != nil {
			return entry{}, err
		}
	}
	return f.c.store.commit(ctx, f.name, f.owner, o, sealed, ttl, rotated)
}

// ttl returns the time for which the store keeps a value of a kind.
func (c *Coordinator) ttl(k kind) time.Duration {
	switch k {
	case kindUnverified:
		return bounds.UnverifiedTTL
	case kindRefusal:
		return bounds.RejectedTTL
	default:
		return c.grace
	}
}
