// Package lazyconn makes connections to stores when they are used.
package lazyconn

import (
	"context"
	"errors"
	"sync"
)

// ErrClosed is the error after Close.
var ErrClosed = errors.New("the store is closed")

// A Conn is a connection that is made when it is used first, and again after Discard.
// It is safe for concurrent use.
type Conn[T comparable] struct {
	dial    func() (T, error)
	hangUp  func(T)
	running sync.WaitGroup

	mu      sync.Mutex  // guards all below, and the results of current
	current *attempt[T] // nil before the first one, after a failure and after Discard
	closed  bool
}

// An attempt is an attempt to connect. Its results are set before done is closed.
type attempt[T any] struct {
	done chan struct{}
	conn T
	err  error
}

// New returns a connection that is not made yet. dial ends by itself; hangUp may take
// long, and no caller but Close waits for it.
func New[T comparable](dial func() (T, error), hangUp func(T)) *Conn[T] {
	return &Conn[T]{dial: dial, hangUp: hangUp}
}

// Get returns the connection. All callers wait for the same attempt, each until its
// context ends. After an error, the next call tries again.
func (c *Conn[T]) Get(ctx context.Context) (conn T, err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return conn, ErrClosed
	}
	a := c.current
	if a == nil {
		a = &attempt[T]{done: make(chan struct{})}
		c.current = a
		c.running.Go(func() { c.connect(a) })
	}
	c.mu.Unlock()
	select {
	case <-a.done:
		return a.conn, a.err
	case <-ctx.Done():
		return conn, ctx.Err()
	}
}

func (c *Conn[T]) connect(a *attempt[T]) {
	defer close(a.done)
	conn, err := c.dial()
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.conn, a.err = conn, err; err != nil {
		c.current = nil
	} else if c.closed {
		a.err = ErrClosed
		c.discardLocked(conn)
	}
}

// Discard closes a connection of no use in the background. One that was discarded
// before, and the zero T, change nothing.
func (c *Conn[T]) Discard(conn T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discardLocked(conn)
}

func (c *Conn[T]) discardLocked(conn T) {
	var none T
	if conn != none && c.current != nil && c.current.conn == conn {
		c.current = nil
		c.running.Go(func() { c.hangUp(conn) })
	}
}

// Close closes the connection, and waits until all that Conn has started has ended.
func (c *Conn[T]) Close() {
	c.mu.Lock()
	c.closed = true
	if c.current != nil {
		c.discardLocked(c.current.conn)
	}
	c.mu.Unlock()
	c.running.Wait()
}
