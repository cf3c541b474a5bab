package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/crossmint-go/auth/session"
)

// How long things are remembered, and work may take: as in one process.
const (
	// lockAge is how long a lock outlives its owner: longer than upstream is
	// given for one answer by default, so that even an owner who cannot renew
	// it, since the store is out of his reach, has had that answer when another
	// begins.
	lockAge = 12 * time.Second
	// renewEvery leaves two tries before a lock runs out.
	renewEvery = 4 * time.Second
	// recordAge is how long it is known that a token was rotated.
	recordAge = time.Hour
	// doubtAge is how long refusals of a token are in doubt whose owner died.
	doubtAge = time.Hour
	// refusalAge is how long a definite no is remembered.
	refusalAge = 30 * time.Second
	// keptAge is how long a grant waits that could not be judged.
	keptAge = 10 * time.Minute
	// markAge is how long a logout is remembered: as long as a grant that was
	// got before it may be told late.
	markAge = recordAge
	// flightTimeout bounds a refresh with all its tries.
	flightTimeout = 35 * time.Second
	// maxChain bounds the rotations that are followed from an old token.
	maxChain = 16
)

// stopPatience is how long Close waits for flights that it has stopped: they end
// at once, unless a transport does not heed its context.
const stopPatience = time.Second

// What errors and events call the work, and what it serves besides.
const (
	opRefresh = "refresh"
	opLogout  = "logout"
	// opPresence is to stay in touch with the store, whoever wants something
	// of it: to connect, and to say that the instance is there.
	opPresence = "presence"
)

// A Coordinator shares refreshes among all who have the same store and the same
// secret. It is safe for concurrent use, and is closed by the session.Manager
// that it is given to.
type Coordinator struct {
	grace  time.Duration
	keys   *keyring
	store  *store
	report *reporter

	stopped  context.Context // ends when Close has lost its patience
	stop     context.CancelFunc
	busy     sync.WaitGroup // flights and logouts
	late     *latecomers
	denials  *denials
	presence *presence

	mu     sync.Mutex // guards all below
	closed bool
	count  int // of those who are busy
}

var _ session.Coordinator = (*Coordinator)(nil)

// New checks config and returns a Coordinator. All faults are reported in one
// error. It neither dials nor starts a goroutine: the session.Manager that it
// is given to has it listen ([Coordinator.OnDenied]), and an application starts
// without its store all the same.
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
	c.denials = newDenials(c.store, keys)
	c.presence = newPresence(c.store, c.late)
	return c, nil
}

// Format prints no more than the name: c holds keys.
func (c *Coordinator) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "redis.Coordinator") }

// Do implements session.Coordinator.
func (c *Coordinator) Do(ctx context.Context, token session.Secret, work session.Work) (session.Shared, error) {
	if !c.begin() {
		return session.Shared{}, unavailable(errClosed)
	}
	landed := make(chan landing, 1)
	go func() {
		defer c.end()
		// The flight belongs to none of those who wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightTimeout)
		defer cancel()
		defer context.AfterFunc(c.stopped, cancel)()
		f := newFlight(c, token, work)
		l := landing{err: unavailable(errors.New("redis: the refresh has left its goroutine"))} // by runtime.Goexit, in a transport
		func() {
			defer func() { landed <- l }()
			l = f.fly(ctx)
		}()
		if l.orphan != nil {
			f.revoke(ctx, l.orphan)
		}
	}()
	select {
	case l := <-landed:
		return l.shared, l.err
	case <-ctx.Done():
		return session.Shared{}, ctx.Err()
	}
}

// begin reports whether there is still work to be taken on; end follows.
func (c *Coordinator) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.count++
	c.busy.Add(1)
	return true
}

func (c *Coordinator) end() {
	c.mu.Lock()
	c.count--
	c.mu.Unlock()
	c.busy.Done()
}

func (c *Coordinator) load() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Logout implements session.Coordinator. Where the store cannot be told, the
// error says so, and what is known to follow token by then is returned.
func (c *Coordinator) Logout(ctx context.Context, token session.Secret) (followers []*session.Grant, err error) {
	if !c.begin() {
		return nil, unavailable(errClosed)
	}
	defer c.end()
	for range maxChain {
		value, err := c.store.logout(ctx, c.keys.name(token))
		if err != nil {
			return followers, unavailable(err)
		}
		grant, ok := c.openGrant(token, value)
		if !ok {
			break
		}
		followers = append(followers, grant)
		token = grant.RefreshToken.Secret
	}
	return followers, nil
}

// openGrant returns the grant in a value under token, if it is one.
func (c *Coordinator) openGrant(token session.Secret, value []byte) (*session.Grant, bool) {
	kind, plain, err := c.keys.open(token, value)
	if err != nil || kind != kindGrant && kind != kindKept {
		return nil, false
	}
	grant, err := unmarshalGrant(plain)
	return grant, err == nil
}

// Close implements session.Coordinator: it waits for the refreshes in flight
// until ctx ends, ends those that are left, and leaves the store.
func (c *Coordinator) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	landed := make(chan struct{})
	go func() {
		c.busy.Wait()
		close(landed)
	}()
	var err error
	select {
	case <-landed:
	case <-ctx.Done():
		if c.load() > 0 {
			err = ctx.Err()
		}
	}
	c.stop()
	select {
	case <-landed:
	case <-time.After(stopPatience):
		c.store.stop() // what the refresh gets will be untold: the instance stays missed
		return err
	}
	c.late.running.Wait()
	c.presence.leave(context.WithoutCancel(ctx))
	c.store.close()
	return err
}

// unavailable is the error of who cannot tell.
func unavailable(cause error) error {
	return &session.UpstreamError{Kind: session.Unavailable, Op: opRefresh, RetryAfter: time.Second, Err: cause}
}

// kindOf returns the kind of a failed call to upstream.
func kindOf(err error) (session.Kind, bool) {
	var up *session.UpstreamError
	if !errors.As(err, &up) {
		return 0, false
	}
	return up.Kind, true
}
