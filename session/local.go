package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Bounds of the in-process coordinator. All that it holds together stays
// below some 150 MiB; made-up tokens, which are only ever refused, fill less
// than 20 of them.
const (
	// maxFlights bounds the refreshes that run at once; each holds a
	// connection to upstream.
	maxFlights = 4096
	// maxWaiters bounds the requests that wait for them.
	maxWaiters = 100_000
	// maxGrants bounds remembered grants, of about 2 KiB each: more than a
	// thousand refreshes a second fill in the grace.
	maxGrants = 1 << 14
	// maxKeys bounds what is remembered of a token without a grant: about
	// 150 bytes each.
	maxKeys = 1 << 16
	// maxRotated bounds the tokens known to be rotated, of about 100 bytes
	// each: an hour at 70 refreshes a second.
	maxRotated = 1 << 18
	// maxMarks bounds the remembered logouts, of about 60 bytes each: so many
	// that a flood of made-up ones takes long to push a real one out.
	maxMarks = 1 << 18
	// maxChain bounds the rotations that are followed from an old token.
	maxChain = 16

	// refusalAge is how long a definite no is remembered.
	refusalAge = 30 * time.Second
	// keptAge is how long a grant waits that could not be judged.
	keptAge = 10 * time.Minute
	// untakenAge is how long a grant waits that was handed to nobody, since
	// all had gone when it came, and how long it is known that a token was
	// rotated: longer than people leave a page alone that they come back to.
	untakenAge = time.Hour
	// markAge is how long a logout is remembered: as long as anything leads
	// from the token to its successor.
	markAge = untakenAge
	// flightTimeout bounds a refresh with all its tries.
	flightTimeout = 35 * time.Second
	// stopPatience is how long Close waits for flights that it has stopped:
	// they end at once, unless a transport does not heed its context.
	stopPatience = time.Second
)

// local is the coordinator of one process. Another one, of a fleet, may stand
// behind it.
type local struct {
	hasher *hasher
	next   Coordinator // nil: none
	report func(context.Context, Event)

	stopped context.Context // ends when Close has lost its patience
	stop    context.CancelFunc
	flying  sync.WaitGroup

	mu       sync.Mutex // guards all below
	closed   bool
	waiters  int
	flights  map[tokenKey]*flight
	grants   *memory[*Grant]         // by the token that was exchanged
	untaken  *memory[*Grant]         // the same, of which nobody knows yet
	kept     *memory[*Grant]         // the same, not judged yet
	refusals *memory[*UpstreamError] // definite ones
	rotated  *memory[struct{}]       // tokens that have, or had, a successor
	marks    *memory[struct{}]       // logged out
}

// flight is one refresh in the air. What it got is set before done is closed.
type flight struct {
	key  tokenKey
	done chan struct{}
	got  Shared
	err  error
}

func newLocal(next Coordinator, hasher *hasher, grace time.Duration, report func(context.Context, Event)) *local {
	stopped, stop := context.WithCancel(context.Background())
	return &local{
		hasher: hasher, next: next, report: report, stopped: stopped, stop: stop,
		flights:  map[tokenKey]*flight{},
		grants:   newMemory[*Grant](grace, maxGrants),
		untaken:  newMemory[*Grant](untakenAge, maxGrants),
		kept:     newMemory[*Grant](keptAge, maxGrants),
		refusals: newMemory[*UpstreamError](refusalAge, maxKeys),
		rotated:  newMemory[struct{}](untakenAge, maxRotated),
		marks:    newMemory[struct{}](markAge, maxMarks),
	}
}

// Do implements [Coordinator].
func (c *local) Do(ctx context.Context, token Secret, work Work) (Shared, error) {
	f, joined, err := c.enter(ctx, token, work)
	if err != nil {
		return Shared{Remembered: true}, err
	}
	defer c.leave()
	select {
	case <-f.done:
	case <-ctx.Done():
		return Shared{Remembered: joined}, ctx.Err()
	}
	remembered := joined || f.got.Remembered
	if f.err != nil {
		return Shared{Remembered: remembered}, f.err
	}
	c.take(f.key)
	return Shared{Grant: f.got.Grant, Remembered: remembered}, nil
}

// landed is a flight that is over: what is remembered looks like one.
func landed(k tokenKey, grant *Grant) *flight {
	f := &flight{key: k, done: make(chan struct{}), got: Shared{Grant: grant}}
	close(f.done)
	return f
}

// enter finds what is known of token, or the flight that will tell, or starts
// one. The caller leaves after it, unless there was an error.
func (c *local) enter(ctx context.Context, token Secret, work Work) (f *flight, joined bool, err error) {
	k := c.hasher.key(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	last, grant, err := c.newest(k)
	if err != nil {
		return nil, false, err
	}
	if refusal, found := c.refusals.get(k); found && grant == nil {
		return nil, false, refusal
	}
	f, flying := c.flights[k]
	switch {
	case grant != nil:
		f, joined = landed(last, grant), true
	case c.waiters >= maxWaiters:
		return nil, false, busy("refresh", "too many requests wait for a refresh")
	case flying:
		joined = true
	case c.closed:
		return nil, false, busy("refresh", "the session manager is closed")
	case len(c.flights) >= maxFlights:
		return nil, false, busy("refresh", "too many refreshes are running")
	default:
		f = c.launch(ctx, k, token, work)
	}
	c.waiters++
	return f, joined, nil
}

func (c *local) leave() {
	c.mu.Lock()
	c.waiters--
	c.mu.Unlock()
}

func busy(op, reason string) error {
	return &UpstreamError{Kind: Unavailable, Op: op, RetryAfter: time.Second, Err: errors.New(reason)}
}

// launch starts a flight. The mutex is held.
func (c *local) launch(ctx context.Context, k tokenKey, token Secret, work Work) *flight {
	f := &flight{key: k, done: make(chan struct{})}
	c.flights[k] = f
	c.flying.Add(1)
	// The flight belongs to none of those who wait for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightTimeout)
	unhook := context.AfterFunc(c.stopped, cancel)
	go func() {
		defer c.flying.Done()
		defer cancel()
		defer unhook()
		c.fly(ctx, f, token, work)
	}()
	return f
}

func (c *local) fly(ctx context.Context, f *flight, token Secret, work Work) {
	var got Shared
	err := busy("refresh", "the refresh has left its goroutine") // by runtime.Goexit, in a transport
	defer func() {
		orphan := c.land(f, got, err)
		close(f.done)
		if orphan != nil {
			_ = c.contain(ctx, "logout", func() error { work.Revoke(ctx, orphan); return nil }) // reported; nobody waits for it
		}
	}()
	got, err = c.obtain(ctx, f.key, token, work)
}

// obtain gets the successor of token, from the coordinator behind this one if
// there is one.
func (c *local) obtain(ctx context.Context, k tokenKey, token Secret, work Work) (got Shared, err error) {
	err = c.contain(ctx, "refresh", func() (err error) {
		if c.next != nil {
			got, err = c.next.Do(ctx, token, work)
		} else {
			got.Grant, err = c.exchange(ctx, k, token, work)
		}
		return err
	})
	if err != nil {
		err = waited(ctx, err)
	}
	return got, err
}

// exchange gets the successor of token and has it judged. What could not be
// judged before is judged again, and upstream is not asked.
func (c *local) exchange(ctx context.Context, k tokenKey, token Secret, work Work) (grant *Grant, err error) {
	kept := c.keptFor(k)
	if grant = kept; kept == nil {
		if grant, err = work.Ask(ctx, token); err != nil {
			return nil, err
		}
		c.keep(k, grant)
	}
	err = work.Judge(ctx, grant)
	switch {
	case outlived(err) && kept != nil:
		return c.exchangeOn(ctx, k, kept, work)
	case settled(err):
		c.keep(k, nil)
	default:
		c.noteRotated(k)
	}
	return grant, err
}

// outlived reports whether a grant's JWT is of no use, by its key or by the
// clock, while its refresh token may live.
func outlived(err error) bool {
	return errors.Is(err, ErrJWTKeyUnknown) || errors.Is(err, ErrJWTExpired)
}

// settled reports whether a judgement on a grant is final.
func settled(err error) bool { return err == nil || failed(err, Malformed) && !outlived(err) }

// exchangeOn exchanges a kept grant whose JWT is of no use: the keys were rotated
// before it could be judged, or the clocks disagree. It stays kept until it is
// refused or has a successor that is not false.
func (c *local) exchangeOn(ctx context.Context, k tokenKey, kept *Grant, work Work) (*Grant, error) {
	grant, err := work.Ask(ctx, kept.RefreshToken.Secret)
	if err != nil {
		if failed(err, Refused) {
			c.keep(k, nil)
		}
		return nil, err
	}
	err = work.Judge(ctx, grant)
	switch {
	case err == nil:
		c.keep(k, nil)
	case !settled(err):
		c.keep(k, grant)
	}
	return grant, err
}

// contain turns a panic of work's into an error: it would end the process.
func (c *local) contain(ctx context.Context, op string, work func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &UpstreamError{Kind: Unavailable, Op: op, Err: fmt.Errorf("panic: %v", r)}
			c.report(ctx, Event{Outcome: Panicked, Op: op, Err: err})
		}
	}()
	return work()
}

// land ends a flight: it remembers what came of it for those who come later,
// and returns a grant that has to be revoked since its user has logged out.
func (c *local) land(f *flight, got Shared, err error) (orphan *Grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, f.key)
	if _, marked := c.marks.get(f.key); marked {
		f.err = ErrLoggedOut
		if err == nil {
			return got.Grant
		}
		kept, _ := c.kept.get(f.key)
		c.kept.drop(f.key)
		return kept
	}
	f.got, f.err = got, err
	var up *UpstreamError
	switch {
	case err == nil:
		c.remember(f.key, got.Grant, got.Until)
	case errors.As(err, &up) && up.Kind == Refused:
		f.err = c.refuse(f.key, up)
	}
	return nil
}

// Close implements [Coordinator].
func (c *local) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	landed := make(chan struct{})
	go func() {
		c.flying.Wait()
		close(landed)
	}()
	var err error
	select {
	case <-landed:
	case <-ctx.Done():
		if flights, _ := c.load(); flights > 0 {
			err = ctx.Err()
		}
		c.stop()
		select {
		case <-landed:
		case <-time.After(stopPatience):
		}
	}
	c.stop()
	if c.next != nil {
		err = errors.Join(err, c.next.Close(ctx))
	}
	return err
}

// load counts the flights and the requests that wait for one.
func (c *local) load() (flights, waiters int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.flights), c.waiters
}
