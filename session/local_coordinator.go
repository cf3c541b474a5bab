package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/ttlmap"
	"github.com/crossmint-go/auth/session/event"
)

// Bounds of the in-process coordinator. Together its maps stay below some
// 220 MiB. Forged tokens, which upstream only ever rejects, fill less than
// 20 MiB of them.
const (
	// maxCalls bounds the refreshes that run at once; each holds a connection
	// to upstream.
	maxCalls = 4096
	// maxWaiters bounds the requests that wait for them.
	maxWaiters = 100_000
	// maxGrants bounds the cached grants, of about 2 KiB each: more than a
	// thousand refreshes a second fit into the grace period.
	maxGrants = 1 << 14
	// maxUndelivered bounds the grants that no browser has, likewise: as many
	// slow handlers as a process can run.
	maxUndelivered = 1 << 15
	// maxRejected bounds the cached refusals, of about 150 bytes each.
	maxRejected = 1 << 16
	// maxUsed bounds the tokens that are known to be used, of about 100 bytes
	// each: an hour at 70 refreshes a second.
	maxUsed = 1 << 18
	// maxTombstones bounds the remembered logouts, of about 60 bytes each. A
	// flood of forged logouts needs long to evict a real one.
	maxTombstones = 1 << 18
	// maxIssued bounds the tokens whose origin is known, of about 2 KiB each: a
	// response that has left is on its way for seconds.
	maxIssued = maxGrants

	maxRotations  = bounds.MaxRotations
	rejectedTTL   = bounds.RejectedTTL
	unverifiedTTL = bounds.UnverifiedTTL
	// undeliveredTTL is the time for which a grant is kept that no browser has.
	// Used tokens are remembered for as long.
	undeliveredTTL = bounds.UsedTTL
	// tombstoneTTL is as long as anything leads from a token to its successor.
	tombstoneTTL = undeliveredTTL
	callTimeout  = bounds.CallTimeout
	stopTimeout  = bounds.StopTimeout
)

// localCoordinator is the coordinator of one process. The coordinator of a
// fleet may stand behind it.
type localCoordinator struct {
	hasher *hasher
	shared Coordinator // the second level; nil without a fleet
	report func(context.Context, event.Event)

	closing context.Context // ends when Close begins
	close   context.CancelFunc
	stopped context.Context // ends when Close stops waiting
	stop    context.CancelFunc
	wg      sync.WaitGroup // of the calls
	waiters atomic.Int64

	mu          sync.Mutex // guards all below
	closed      bool
	calls       map[tokenKey]*call
	recent      *ttlmap.Map[tokenKey, *Grant]         // grace cache, by the token that was exchanged
	undelivered *ttlmap.Map[tokenKey, *Grant]         // grants that no browser has yet, likewise
	unverified  *ttlmap.Map[tokenKey, *Grant]         // grants without a decision on their JWT
	rejected    *ttlmap.Map[tokenKey, *UpstreamError] // negative cache
	used        *ttlmap.Map[tokenKey, struct{}]       // tokens that have been exchanged
	tombstones  *ttlmap.Map[tokenKey, struct{}]       // tokens that were logged out
	issued      *ttlmap.Map[tokenKey, origin]         // how tokens came into being
}

// An origin tells how a token came into being. A token may be issued several times:
// upstream may accept the same token again for a short time, and then sends another
// JWT.
type origin struct {
	last    issue
	earlier []issue
}

// An issue is one grant of a token: the token that was exchanged for it, and the JWT
// that came with it.
type issue struct {
	from tokenKey
	jwt  Secret
}

func newLocalCoordinator(shared Coordinator, hasher *hasher, grace time.Duration, report func(context.Context, event.Event)) *localCoordinator {
	stopped, stop := context.WithCancel(context.Background())
	closing, closed := context.WithCancel(stopped)
	return &localCoordinator{
		hasher: hasher, shared: shared, report: report, closing: closing, close: closed, stopped: stopped, stop: stop,
		calls:       map[tokenKey]*call{},
		recent:      ttlmap.New[tokenKey, *Grant](grace, maxGrants),
		undelivered: ttlmap.New[tokenKey, *Grant](undeliveredTTL, maxUndelivered),
		unverified:  ttlmap.New[tokenKey, *Grant](unverifiedTTL, maxGrants),
		rejected:    ttlmap.New[tokenKey, *UpstreamError](rejectedTTL, maxRejected),
		used:        ttlmap.New[tokenKey, struct{}](undeliveredTTL, maxUsed),
		tombstones:  ttlmap.New[tokenKey, struct{}](tombstoneTTL, maxTombstones),
		issued:      ttlmap.New[tokenKey, origin](undeliveredTTL, maxIssued),
	}
}

// call is one refresh that several callers share. Its results are set before
// done is closed.
type call struct {
	key        tokenKey
	done       chan struct{}
	unverified *Grant // from an earlier call
	result     Shared
	err        error
}

// Do implements [Coordinator].
func (c *localCoordinator) Do(ctx context.Context, token Secret, calls UpstreamCalls) (Shared, error) {
	running, joined, err := c.join(ctx, token, calls)
	if err != nil {
		return Shared{Cached: true}, err
	}
	defer c.waiters.Add(-1)
	select {
	case <-running.done:
	case <-ctx.Done():
		return Shared{Cached: joined}, ctx.Err()
	}
	cached := joined || running.result.Cached
	if running.err != nil {
		return Shared{Cached: cached}, running.err
	}
	return Shared{Grant: running.result.Grant, Cached: cached, key: running.key}, nil
}

// join returns the call to wait for, and counts the caller as a waiter: a finished
// call for a cached grant, the one in flight, or a new one. An error is a cached
// refusal or an exceeded bound.
func (c *localCoordinator) join(ctx context.Context, token Secret, calls UpstreamCalls) (running *call, joined bool, err error) {
	k := c.hasher.key(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	last, grant, err := c.latestLocked(k)
	if err != nil {
		return nil, false, err
	}
	if refusal, found := c.rejected.Get(k); found && grant == nil {
		return nil, false, refusal
	}
	running, joined = c.calls[k]
	switch {
	case grant != nil:
		running, joined = finished(last, grant), true
	case c.waiters.Load() >= maxWaiters:
		return nil, false, errOverloaded("refresh", "too many requests wait for a refresh")
	case joined:
	case c.closed:
		return nil, false, errOverloaded("refresh", "the session manager is closed")
	case len(c.calls) >= maxCalls:
		return nil, false, errOverloaded("refresh", "too many refreshes are running")
	default:
		running = c.startLocked(ctx, k, token, calls)
	}
	c.waiters.Add(1)
	return running, joined, nil
}

// finished returns a completed call for a cached grant.
func finished(k tokenKey, grant *Grant) *call {
	f := &call{key: k, done: make(chan struct{}), result: Shared{Grant: grant}}
	close(f.done)
	return f
}

// startLocked starts a call. It belongs to none of its callers.
func (c *localCoordinator) startLocked(ctx context.Context, k tokenKey, token Secret, calls UpstreamCalls) *call {
	unverified, _ := c.unverified.Get(k)
	f := &call{key: k, done: make(chan struct{}), unverified: unverified}
	c.calls[k] = f
	c.wg.Add(1)
	token = token.clone()
	ctx, cancel := c.detach(ctx, callTimeout)
	go func() {
		defer c.wg.Done()
		defer cancel()
		c.run(ctx, f, token, calls)
	}()
	return f
}

// run makes the upstream calls and publishes their result.
func (c *localCoordinator) run(ctx context.Context, f *call, token Secret, calls UpstreamCalls) {
	var got Shared
	var err error
	unverified, returned := f.unverified, false
	defer func() {
		if !returned { // a transport has called runtime.Goexit
			err = errOverloaded("refresh", "the refresh has left its goroutine")
		}
		orphan, dropped := c.finish(f, got, unverified, err)
		close(f.done)
		if orphan != nil {
			calls.Revoke(ctx, orphan)
		}
		if dropped > 0 {
			c.report(ctx, event.Event{Outcome: event.UndeliveredDropped, Op: "refresh", Err: errTooManyUndelivered})
		}
	}()
	got, unverified, err = c.fetch(ctx, f, token, calls)
	returned = true
}

// fetch gets the successor of token from the fleet, if there is one, or else
// from upstream.
func (c *localCoordinator) fetch(ctx context.Context, f *call, token Secret, calls UpstreamCalls) (got Shared, unverified *Grant, err error) {
	if c.shared == nil {
		got.Grant, unverified, err = calls.Fetch(ctx, token, f.unverified)
		return got, unverified, timeoutError(ctx, err)
	}
	err = recoverPanic(ctx, c.report, "refresh", func() (err error) {
		got, err = c.shared.Do(ctx, token, calls)
		return err
	})
	if err == nil && got.Grant == nil {
		err = unavailable("refresh", errors.New("the coordinator returned neither a grant nor an error"))
	}
	return got, nil, timeoutError(ctx, err)
}

var errTooManyUndelivered = errors.New("too many renewed sessions wait for their delivery; the oldest were dropped")

// finish ends a call: it stores the result for later callers. It returns a grant
// that has to be revoked because its user has logged out meanwhile, and the
// number of undelivered grants that it had to drop.
func (c *localCoordinator) finish(f *call, got Shared, unverified *Grant, err error) (orphan *Grant, dropped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, f.key)
	if c.endsOnTombstoneLocked(f.key, got.Grant) {
		f.err = ErrLoggedOut
		c.unverified.Delete(f.key)
		if err == nil {
			return got.Grant, 0
		}
		return unverified, 0
	}
	if unverified != nil {
		c.unverified.Put(f.key, unverified)
		if c.hasher.successor(unverified) != f.key {
			c.used.Put(f.key, struct{}{})
		}
	} else {
		c.unverified.Delete(f.key)
	}
	f.result, f.err = got, err
	if err == nil {
		if f.unverified != nil && got.Grant != f.unverified { // it was exchanged on
			c.used.Put(c.hasher.successor(f.unverified), struct{}{})
		}
		return nil, c.cacheGrantLocked(f.key, got)
	}
	var up *UpstreamError
	if errors.As(err, &up) && up.kind() == ErrRefused { //nolint:errorlint // Kind is one of three sentinels
		f.err = c.cacheRejectionLocked(f.key, up)
	}
	return nil, 0
}

// endsOnTombstoneLocked reports whether the user has logged out during a call: with the
// token of k, or with that of the grant, which may be nil. Upstream may send a grant
// again that another process has got before.
func (c *localCoordinator) endsOnTombstoneLocked(k tokenKey, grant *Grant) bool {
	_, loggedOut := c.tombstones.Get(k)
	if !loggedOut && grant != nil {
		_, loggedOut = c.tombstones.Get(c.hasher.successor(grant))
	}
	return loggedOut
}

// cacheGrantLocked stores a grant under the token that was exchanged for it.
// Where upstream does not rotate tokens there is nothing to store.
func (c *localCoordinator) cacheGrantLocked(k tokenKey, got Shared) (dropped int) {
	successor := c.hasher.successor(got.Grant)
	c.recordIssueLocked(successor, issue{k, got.Grant.JWT})
	if successor == k {
		return 0
	}
	c.used.Put(k, struct{}{})
	grant := got.Grant
	if got.Delivered != nil {
		own := *grant // the shared coordinator may give its grant to several processes
		own.delivered = got.Delivered
		grant = &own
	}
	return c.undelivered.PutUntil(k, grant, got.Until)
}

// recordIssueLocked notes how the token of k came into being.
func (c *localCoordinator) recordIssueLocked(k tokenKey, last issue) {
	o, again := c.issued.Get(k)
	if again {
		o.earlier = append(slices.Clone(o.earlier[max(0, len(o.earlier)-maxRotations):]), o.last)
	}
	o.last = last
	c.issued.Put(k, o)
}

// cacheRejectionLocked stores a refusal. A refusal of a used token is uncertain:
// upstream rejects it because the same browser has its successor.
func (c *localCoordinator) cacheRejectionLocked(k tokenKey, refusal *UpstreamError) *UpstreamError {
	if _, used := c.used.Get(k); used {
		uncertain := *refusal
		uncertain.Uncertain = true
		refusal = &uncertain
	}
	c.rejected.Put(k, refusal)
	return refusal
}

// latestLocked follows the rotations from k to the latest grant, and returns it
// with the key that it is stored under. A tombstone on the way ends the search
// with ErrLoggedOut.
func (c *localCoordinator) latestLocked(k tokenKey) (last tokenKey, grant *Grant, err error) {
	for range maxRotations {
		if _, loggedOut := c.tombstones.Get(k); loggedOut {
			return k, nil, ErrLoggedOut
		}
		g := c.replacementLocked(k)
		if g == nil {
			break
		}
		last, grant, k = k, g, c.hasher.successor(g)
	}
	return last, grant, nil
}

// replacementLocked returns the grant that k was exchanged for, or nil.
func (c *localCoordinator) replacementLocked(k tokenKey) *Grant {
	if grant, found := c.recent.Get(k); found {
		return grant
	}
	grant, _ := c.undelivered.Get(k)
	return grant
}

// isLoggedOut reports whether token has a tombstone.
func (c *localCoordinator) isLoggedOut(token Secret) bool {
	k := c.hasher.key(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, loggedOut := c.tombstones.Get(k)
	return loggedOut
}

var errSuperseded = errors.New("the browser has got a later session meanwhile")

// checkDelivery returns an error if the grant of k must not reach a browser any
// more: ErrLoggedOut if a logout or a sign-in has left a tombstone,
// ErrUnavailable if the browser has a later grant, whose cookies the response
// would overwrite with used tokens.
func (c *localCoordinator) checkDelivery(k tokenKey, grant *Grant) error {
	successor := c.hasher.successor(grant)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range []tokenKey{k, successor} {
		if _, loggedOut := c.tombstones.Get(k); loggedOut {
			return ErrLoggedOut
		}
	}
	if c.supersededLocked(successor) {
		return unavailable("store", errSuperseded)
	}
	return nil
}

// minFleetCheckAge is the age of a grant from which on its delivery is checked with the
// fleet: fast responses do not wait for the store.
const minFleetCheckAge = time.Second

// checkDeliveryInFleet is checkDelivery for the events on other instances. A logout
// there counts here, too.
func (c *localCoordinator) checkDeliveryInFleet(grant *Grant) error {
	fleet, ok := c.shared.(deliveryChecker)
	if !ok || time.Since(grant.ReceivedAt) < minFleetCheckAge {
		return nil
	}
	err := recoverPanic(c.stopped, c.report, "store", func() error {
		return fleet.CheckDelivery(c.stopped, grant.RefreshToken.Secret)
	})
	if errors.Is(err, ErrLoggedOut) {
		c.markLoggedOut(grant.RefreshToken.Secret)
	}
	return err
}

// supersededLocked reports whether a browser has a grant that was exchanged for
// k, or for a later token.
func (c *localCoordinator) supersededLocked(k tokenKey) bool {
	for range maxRotations {
		grant, found := c.undelivered.Get(k)
		if !found {
			_, used := c.used.Get(k)
			_, unverified := c.unverified.Get(k)
			return used && !unverified
		}
		k = c.hasher.successor(grant)
	}
	return false
}

// markDelivered notes that a browser has the grant of k. The grace period starts
// now; later deliveries do not prolong it.
func (c *localCoordinator) markDelivered(k tokenKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if grant, found := c.undelivered.Get(k); found {
		c.recent.PutUntil(k, grant, c.undelivered.ExpiresAt(k))
		c.undelivered.Delete(k)
		if grant.delivered != nil {
			grant.delivered()
		}
	}
}

// Logout implements [Coordinator].
func (c *localCoordinator) Logout(ctx context.Context, token Secret) ([]*Grant, error) {
	latest, descendants := c.markLoggedOut(token)
	if c.shared == nil {
		return descendants, nil
	}
	more, err := c.shared.Logout(ctx, latest)
	return append(descendants, more...), err
}

// markLoggedOut leaves a tombstone for token, for all its descendants, and for the
// tokens before it, whose responses may still be on their way.
func (c *localCoordinator) markLoggedOut(token Secret) (latest Secret, descendants []*Grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	latest = token
	for _, issue := range c.originsLocked(c.hasher.key(token)) {
		c.tombstones.Put(issue.from, struct{}{})
	}
	for range maxRotations {
		k := c.hasher.key(latest)
		c.tombstones.Put(k, struct{}{})
		grant, found := c.unverified.Get(k)
		if !found || c.calls[k] != nil { // a running call finds the tombstone
			if grant = c.replacementLocked(k); grant == nil {
				break
			}
		}
		descendants = append(descendants, grant)
		latest = grant.RefreshToken.Secret
	}
	return latest, descendants
}

// originsLocked returns the issues of the token of k and of the tokens before it, from
// token to token, as far as maxRotations issues lead back.
func (c *localCoordinator) originsLocked(k tokenKey) (issues []issue) {
	visited := []tokenKey{k}
	for i := 0; i < len(visited) && len(issues) < maxRotations; i++ {
		o, found := c.issued.Get(visited[i])
		if !found {
			continue
		}
		for _, issue := range append(slices.Clip(o.earlier), o.last) {
			issues = append(issues, issue)
			if !slices.Contains(visited, issue.from) {
				visited = append(visited, issue.from)
			}
		}
	}
	return issues
}

// issuedWith returns the JWTs that came with a token and with those before it.
func (c *localCoordinator) issuedWith(token Secret) (jwts []Secret) {
	k := c.hasher.key(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, issue := range c.originsLocked(k) {
		jwts = append(jwts, issue.jwt)
	}
	return jwts
}

// leadsTo reports whether token is the refresh token of grant, or is known to
// have been exchanged for it.
func (c *localCoordinator) leadsTo(token Secret, grant *Grant) bool {
	if token.Equal(grant.RefreshToken.Secret) {
		return true
	}
	k := c.hasher.key(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, latest, _ := c.latestLocked(k)
	return latest != nil && latest.RefreshToken.Secret.Equal(grant.RefreshToken.Secret)
}

// detach returns a context for work that continues without its request. It has the
// values of ctx and its own timeout, and ends early when Close stops waiting.
func (c *localCoordinator) detach(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	own, cancel := context.WithTimeout(c.stopped, timeout)
	return withValues{own, ctx}, cancel
}

// withValues is a context with the values of another one.
type withValues struct {
	context.Context
	values context.Context
}

// Value implements [context.Context]. The package context looks for its own keys here,
// too, so they come first.
func (c withValues) Value(key any) any {
	if value := c.Context.Value(key); value != nil {
		return value
	}
	return c.values.Value(key)
}

// inBackground runs f in a goroutine that Close waits for, or at once after
// Close.
func (c *localCoordinator) inBackground(f func()) {
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.wg.Add(1)
	}
	c.mu.Unlock()
	if closed {
		f()
		return
	}
	go func() {
		defer c.wg.Done()
		f()
	}()
}

// Close implements [Coordinator].
func (c *localCoordinator) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.close()
	idle := make(chan struct{})
	go func() {
		c.wg.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		if calls, _ := c.stats(); calls > 0 {
			err = ctx.Err()
		}
		c.stop()
		select {
		case <-idle:
		case <-time.After(stopTimeout):
		}
	}
	c.stop()
	if c.shared != nil {
		err = errors.Join(err, c.shared.Close(ctx))
	}
	return err
}

// stats counts the calls in flight and the requests that wait for one.
func (c *localCoordinator) stats() (calls, waiters int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls), int(c.waiters.Load())
}
