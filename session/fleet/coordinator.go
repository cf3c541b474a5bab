package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/eventhook"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
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
var errClosed = errors.New("fleet: the coordinator is closed")

// A Coordinator shares refreshes among all instances that have the same store
// and the same secret. It is safe for concurrent use. The session.Manager that
// it is given to closes it.
type Coordinator struct {
	grace      time.Duration
	keys       []*keyring // the previous secret's first
	operations *operations

	stopped   context.Context // ends when Close stops waiting
	stop      context.CancelFunc
	idle      chan struct{} // closed by Close, or after it by the last call or logout
	denyLists []*denyList   // by secret
	logouts   *outbox       // tombstones and denied JWTs
	outcomes  *outbox       // outcomes of refreshes, by the name of the token

	mu      sync.Mutex // guards all below
	closed  bool
	running int // calls and logouts
}

var _ session.Coordinator = (*Coordinator)(nil)

// New checks config and returns a Coordinator. One error reports all faults.
// New does not use the store, so an application starts without it, too. The
// session.Manager subscribes the Coordinator to the store with [Coordinator.OnDeny].
func New(config Config) (*Coordinator, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	o := &operations{store: config.Store, timeout: config.Timeout, report: func(ctx context.Context, e event.Event) {
		eventhook.Call(ctx, config.OnEvent, config.Logger, e)
	}}
	o.stopped, o.stop = context.WithCancel(context.Background())
	c := &Coordinator{grace: config.Grace, operations: o, idle: make(chan struct{})}
	c.stopped, c.stop = context.WithCancel(context.Background())
	c.logouts, c.outcomes = newOutbox(o, maxPendingLogouts), newOutbox(o, maxPendingOutcomes)
	for _, secret := range []session.Secret{config.PreviousSecret, config.Secret} {
		if secret.IsZero() {
			continue
		}
		keys, err := newKeyring(secret)
		if err != nil {
			return nil, fmt.Errorf("fleet: %w", err)
		}
		c.keys, c.denyLists = append(c.keys, keys), append(c.denyLists, &denyList{operations: o, keys: keys, unread: make(chan struct{}, 1)})
	}
	return c, nil
}

// Format prints no more than the name: c holds keys.
func (c *Coordinator) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "fleet.Coordinator") }

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
		r := result{err: unavailable(errGoexit)}
		defer func() {
			results <- r
			if r.orphan != nil {
				calls.Revoke(ctx, r.orphan)
			}
		}()
		r = newCall(c, c.keys, token, calls).run(ctx)
	}()
	select {
	case r := <-results:
		return r.shared, r.err
	case <-ctx.Done():
		return session.Shared{}, ctx.Err()
	}
}

// errGoexit is the error of a call whose transport has called runtime.Goexit.
var errGoexit = errors.New("fleet: the refresh has left its goroutine")

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
	for _, keys := range c.keys {
		found, keyErr := c.logout(ctx, keys, token)
		if len(found) >= len(descendants) {
			descendants = found
		}
		err = errors.Join(err, keyErr)
	}
	if err != nil {
		return descendants, errNotShared(err)
	}
	return descendants, nil
}

// logout leaves the tombstones of a logout under one secret, now or later.
func (c *Coordinator) logout(ctx context.Context, keys *keyring, token session.Secret) ([]*session.Grant, error) {
	descendants, rest, err := c.leaveTombstones(ctx, keys, token)
	if err == nil {
		return descendants, nil
	}
	rest = session.NewSecret(strings.Clone(rest.Reveal())) // it may be a part of a request
	retry := func(ctx context.Context) (err error) {
		_, rest, err = c.leaveTombstones(ctx, keys, rest)
		return err
	}
	full := c.logouts.add(keys.name(token), &write{expiresAt: time.Now().Add(tombstoneTTL), do: retry})
	return descendants, errors.Join(err, full)
}

// leaveTombstones leaves a tombstone for token and its descendants, denies the JWTs that
// came with them and with the tokens before, and returns the grants of those that it can
// open. On an error, rest is the first token that may have none.
func (c *Coordinator) leaveTombstones(ctx context.Context, keys *keyring, token session.Secret) (descendants []*session.Grant, rest session.Secret, err error) {
	n, rest, isOpen := keys.name(token), token, true
	for range bounds.MaxRotations {
		s, err := c.operations.update(ctx, opLogout, n, snapshot{}, func(s *snapshot) bool {
			s.logout()
			return true
		})
		if err != nil {
			return descendants, rest, err
		}
		for sealed := range slices.Chunk(s.issued, denialBytes) {
			if digest, until, ok := keys.openDenial(sealed); ok {
				_ = c.deny(ctx, digest, until) // reported, and made up for
			}
		}
		var grant *session.Grant
		if isOpen {
			grant, isOpen = keys.openGrant(rest, s.leading)
		}
		if isOpen {
			rest = grant.RefreshToken.Secret
			n = keys.name(rest)
			descendants = append(descendants, grant)
		} else if n = s.next(s.now); n == (name{}) {
			break
		}
	}
	return descendants, session.Secret{}, nil
}

// CheckDelivery returns an error if the grant with this refresh token must not reach
// a browser any more: [session.ErrLoggedOut] if another instance has ended its
// session, [session.ErrUnavailable] if a browser has a later grant. A store that
// fails prevents no delivery.
func (c *Coordinator) CheckDelivery(ctx context.Context, token session.Secret) error {
	if !c.begin() {
		return nil
	}
	defer c.end()
	for _, keys := range c.keys {
		if err := c.checkDelivery(ctx, keys.name(token)); err != nil {
			return err
		}
	}
	return nil
}

var errSuperseded = errors.New("fleet: the browser has got a later session meanwhile")

// checkDelivery follows the rotations from the token to a tombstone.
func (c *Coordinator) checkDelivery(ctx context.Context, n name) error {
	isSuperseded := false
	for range bounds.MaxRotations {
		s, err := c.operations.load(ctx, opRefresh, n)
		if err != nil {
			break
		}
		if s.isLoggedOut(s.now) {
			return session.ErrLoggedOut
		}
		isSuperseded = isSuperseded || s.isSuperseded(s.now)
		if n = s.next(s.now); n == (name{}) {
			break
		}
	}
	if isSuperseded {
		return unavailable(errSuperseded)
	}
	return nil
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
	case <-time.After(bounds.StopTimeout): // a call ignores that: the store fails for it
		return errors.Join(err, c.operations.disconnect())
	}
	return errors.Join(err, c.operations.close())
}

// unavailable returns the error for a call without a decision.
func unavailable(cause error) error {
	return &session.UpstreamError{Kind: session.ErrUnavailable, Op: opRefresh, RetryAfter: time.Second, Err: cause}
}

// errNotShared returns the error for a logout that the store does not have yet.
func errNotShared(cause error) error {
	return fmt.Errorf("fleet: the other instances do not have the logout yet: %w: %w", session.ErrUnavailable, cause)
}
