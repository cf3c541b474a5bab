package session

import (
	"context"
	"errors"
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
