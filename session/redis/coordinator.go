package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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
	// tombstoneTTL is as long as a grant from before the logout may still be
	// published.
	tombstoneTTL = bounds.UsedTTL
)

// The operations that errors and events name.
const (
	opRefresh = "refresh"
	opLogout  = "logout"
)

// errClosed is the error of every call after Close.
var errClosed = errors.New("redis: the coordinator is closed")

// A Coordinator shares refreshes among all instances that have the same store
// and the same secret. It is safe for concurrent use. The session.Manager that
// it is given to closes it.
type Coordinator struct {
	grace time.Duration
	keys  *keyring
	store *store

	stopped  context.Context // ends when Close stops waiting
	stop     context.CancelFunc
	idle     chan struct{} // closed by Close, or after it by the last call or logout
	denyList *denyList
	logouts  *outbox // tombstones and denied JWTs
	outcomes *outbox // outcomes of refreshes, by the name of the token

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
	c := &Coordinator{grace: config.Grace, keys: keys, idle: make(chan struct{})}
	c.store = newStore(option, config.Timeout, newReporter(&config))
	c.stopped, c.stop = context.WithCancel(context.Background())
	c.denyList = newDenyList(c.store, keys)
	c.logouts, c.outcomes = newOutbox(c.store, maxPendingLogouts), newOutbox(c.store, maxPendingOutcomes)
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
	return true
}

func (c *Coordinator) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	if c.closed && c.running == 0 {
		close(c.idle)
	}
}

// Logout implements session.Coordinator. If the store is unavailable, Logout
// returns an error beside the descendants that it has found so far, and leaves the
// other tombstones when the store is back.
func (c *Coordinator) Logout(ctx context.Context, token session.Secret) (descendants []*session.Grant, err error) {
	if !c.begin() {
		return nil, errNotShared(errClosed)
	}
	defer c.end()
	descendants, rest, err := c.leaveTombstones(ctx, token)
	if err == nil {
		return descendants, nil
	}
	rest = session.NewSecret(strings.Clone(rest.Reveal())) // it may be a part of a request
	retry := func(ctx context.Context) (err error) {
		_, rest, err = c.leaveTombstones(ctx, rest)
		return err
	}
	full := c.logouts.add("tombstone "+c.keys.name(token), &write{expiresAt: time.Now().Add(tombstoneTTL), do: retry})
	return descendants, errNotShared(errors.Join(err, full))
}

// leaveTombstones leaves a tombstone for token and its descendants, and returns
// the latter. On an error, rest is the first one that may have none.
func (c *Coordinator) leaveTombstones(ctx context.Context, token session.Secret) (descendants []*session.Grant, rest session.Secret, err error) {
	for range bounds.MaxRotations {
		value, err := c.store.logout(ctx, c.keys.name(token))
		if err != nil {
			return descendants, token, err
		}
		grant, ok := c.openGrant(token, value)
		if !ok {
			break
		}
		descendants = append(descendants, grant)
		token = grant.RefreshToken.Secret
	}
	return descendants, session.Secret{}, nil
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
func (c *Coordinator) Close(ctx context.Context) (err error) {
	c.mu.Lock()
	if !c.closed && c.running == 0 {
		close(c.idle)
	}
	c.closed = true
	isIdle := c.running == 0
	c.mu.Unlock()
	if !isIdle {
		select {
		case <-c.idle:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	c.stop()
	select {
	case <-c.idle:
	case <-time.After(bounds.StopTimeout):
		c.store.stop()
		return err
	}
	c.store.close()
	return err
}

// unavailable returns the error for a call without a decision.
func unavailable(cause error) error {
	return &session.UpstreamError{Kind: session.ErrUnavailable, Op: opRefresh, RetryAfter: time.Second, Err: cause}
}

// errNotShared returns the error for a logout that the store does not have yet.
func errNotShared(cause error) error {
	return fmt.Errorf("redis: the other instances do not have the logout yet: %w: %w", session.ErrUnavailable, cause)
}
