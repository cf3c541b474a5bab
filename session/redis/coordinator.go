package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// Times that only a fleet needs. Those that a process has as well are in package
// bounds.
const (
	// lockTTL is the time for which a lock outlives its owner. It is longer than
	// the default timeout of one upstream call: even if the owner cannot reach
	// the store to renew it, that call has ended when another instance begins.
	lockTTL = 12 * time.Second
	// renewInterval leaves two tries before a lock expires.
	renewInterval = 4 * time.Second
	// uncertainTTL is the time for which refusals of a token are uncertain after
	// the instance that was refreshing it has died.
	uncertainTTL = time.Hour
	// tombstoneTTL is as long as a grant from before the logout may still be
	// published.
	tombstoneTTL = bounds.UsedTTL
)

// The operations that errors and events name.
const (
	opRefresh = "refresh"
	opLogout  = "logout"
	// opPresence is the connection itself: connecting to the store, and the
	// heartbeat.
	opPresence = "presence"
)

// A Coordinator shares refreshes among all instances that have the same store
// and the same secret. It is safe for concurrent use. The session.Manager that
// it is given to closes it.
type Coordinator struct {
	grace  time.Duration
	keys   *keyring
	store  *store
	report *reporter

	stopped  context.Context // ends when Close stops waiting
	stop     context.CancelFunc
	wg       sync.WaitGroup // of the calls and logouts
	late     *latecomers
	denyList *denyList
	presence *presence

	mu      sync.Mutex // guards all below
	closed  bool
	running int // calls and logouts
}

var _ session.Coordinator = (*Coordinator)(nil)

// New checks config and returns a Coordinator. One error reports all faults.
// New neither dials nor starts a goroutine, so an application starts without its
// store, too. The session.Manager subscribes the Coordinator to the store with
// [Coordinator.OnDeny].
func New(config Config) (*Coordinator, error) {
	option, err := config.check()
	if err != nil {
		return nil, err
	}
	keys, err := newKeyring(config.Secret)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	c := &Coordinator{grace: config.Grace, keys: keys, report: newReporter(&config)}
	c.store = newStore(option, config.Timeout, c.report)
	c.stopped, c.stop = context.WithCancel(context.Background())
	c.late = newLatecomers(c.stopped)
	c.denyList = newDenyList(c.store, keys)
	c.presence = newPresence(c.store, c.late)
	return c, nil
}

// Format prints no more than the name: c holds keys.
func (c *Coordinator) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "redis.Coordinator") }

// Do implements session.Coordinator.
func (c *Coordinator) Do(ctx context.Context, token session.Secret, calls session.UpstreamCalls) (session.Shared, error) {
	if !c.begin() {
		return session.Shared{}, unavailable(errClosed)
	}
	results := make(chan result, 1)
	go func() {
		defer c.end()
		// The call belongs to none of the callers that wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bounds.CallTimeout)
		defer cancel()
		defer context.AfterFunc(c.stopped, cancel)()
		r := c.run(ctx, token, calls, results)
		if r.orphan != nil {
			calls.Revoke(ctx, r.orphan)
		}
	}()
	select {
	case r := <-results:
		return r.shared, r.err
	case <-ctx.Done():
		return session.Shared{}, ctx.Err()
	}
}

// run runs a call and sends its result to results, also when a transport ends
// the goroutine with runtime.Goexit.
func (c *Coordinator) run(ctx context.Context, token session.Secret, calls session.UpstreamCalls, results chan<- result) (r result) {
	r.err = unavailable(errors.New("redis: the refresh has left its goroutine"))
	defer func() { results <- r }()
	r = newCall(c, token, calls).run(ctx)
	return r
}

// begin counts a call or a logout. It returns false after Close; else end
// follows.
func (c *Coordinator) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running++
	c.wg.Add(1)
	return true
}

func (c *Coordinator) end() {
	c.mu.Lock()
	c.running--
	c.mu.Unlock()
	c.wg.Done()
}

func (c *Coordinator) isIdle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running == 0
}

// Logout implements session.Coordinator. If the store is unavailable, Logout
// returns an error beside the descendants that it has found so far.
func (c *Coordinator) Logout(ctx context.Context, token session.Secret) (descendants []*session.Grant, err error) {
	if !c.begin() {
		return nil, unavailable(errClosed)
	}
	defer c.end()
	for range bounds.MaxRotations {
		value, err := c.store.logout(ctx, c.keys.name(token))
		if err != nil {
			return descendants, unavailable(err)
		}
		grant, ok := c.openGrant(token, value)
		if !ok {
			break
		}
		descendants = append(descendants, grant)
		token = grant.RefreshToken.Secret
	}
	return descendants, nil
}

// openGrant returns the grant in a value under token, if it is one.
func (c *Coordinator) openGrant(token session.Secret, value []byte) (*session.Grant, bool) {
	kind, plain, err := c.keys.open(token, value)
	if err != nil || kind != kindGrant && kind != kindUnverified {
		return nil, false
	}
	grant, err := unmarshalGrant(plain)
	return grant, err == nil
}

// Close implements session.Coordinator: it waits for the calls in flight until
// ctx ends, cancels those that are left, and disconnects from the store.
func (c *Coordinator) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		c.wg.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		if !c.isIdle() {
			err = ctx.Err()
		}
	}
	c.stop()
	select {
	case <-idle:
	case <-time.After(bounds.StopTimeout):
		c.store.stop() // the outcome stays unpublished, and the instance listed as missing
		return err
	}
	c.late.running.Wait()
	c.presence.leave(context.WithoutCancel(ctx))
	c.store.close()
	return err
}

// unavailable returns the error for a call without a decision.
func unavailable(cause error) error {
	return &session.UpstreamError{Kind: session.ErrUnavailable, Op: opRefresh, RetryAfter: time.Second, Err: cause}
}
