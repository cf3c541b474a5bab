package session

import (
	"context"
	"errors"
	"fmt"
)

// flight is one refresh in the air. What it got is set before done is closed.
type flight struct {
	key  tokenKey
	done chan struct{}
	got  Shared
	err  error
}

// landed is a flight that is over: what is remembered looks like one.
func landed(k tokenKey, grant *Grant) *flight {
	f := &flight{key: k, done: make(chan struct{}), got: Shared{Grant: grant}}
	close(f.done)
	return f
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
