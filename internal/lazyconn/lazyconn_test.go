package lazyconn_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/crossmint-go/auth/internal/lazyconn"
)

// network hands out connections with the numbers 1, 2 and so on.
type network struct {
	dialed  int
	hang    chan struct{} // nil: dial returns at once
	failure error
	closed  []int
}

func (n *network) dial() (*int, error) {
	n.dialed++
	number := n.dialed
	if n.hang != nil {
		<-n.hang
	}
	return &number, n.failure
}

func (n *network) close(conn *int) { n.closed = append(n.closed, *conn) }

func get(t *testing.T, c *lazyconn.Conn[*int], want int) *int {
	t.Helper()
	conn, err := c.Get(t.Context())
	if err != nil || conn == nil || *conn != want {
		t.Errorf("Get returned %v, %v, want connection %d", conn, err, want)
	}
	return conn
}

func onNetwork(t *testing.T, test func(t *testing.T, n *network, c *lazyconn.Conn[*int])) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		test(t, n, lazyconn.New(n.dial, n.close))
	})
}

func TestGet(t *testing.T) {
	t.Run("callers share one attempt", func(t *testing.T) {
		onNetwork(t, func(t *testing.T, n *network, c *lazyconn.Conn[*int]) {
			n.hang = make(chan struct{})
			for range 3 {
				go func() { get(t, c, 1) }()
			}
			synctest.Wait()
			close(n.hang)
			synctest.Wait()
			get(t, c, 1)
		})
	})
	t.Run("a caller that leaves does not end the attempt", func(t *testing.T) {
		onNetwork(t, func(t *testing.T, n *network, c *lazyconn.Conn[*int]) {
			n.hang = make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := c.Get(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want that of the context", err)
			}
			close(n.hang)
			get(t, c, 1)
		})
	})
	t.Run("an attempt follows a failure", func(t *testing.T) {
		onNetwork(t, func(t *testing.T, n *network, c *lazyconn.Conn[*int]) {
			n.failure = errors.New("refused")
			if _, err := c.Get(t.Context()); !errors.Is(err, n.failure) {
				t.Errorf("err = %v, want that of the attempt", err)
			}
			n.failure = nil
			get(t, c, 2)
		})
	})
}

func TestDiscard(t *testing.T) {
	onNetwork(t, func(t *testing.T, n *network, c *lazyconn.Conn[*int]) {
		first := get(t, c, 1)
		c.Discard(nil)
		get(t, c, 1)
		c.Discard(first)
		get(t, c, 2)
		c.Discard(first) // an operation that ends late
		get(t, c, 2)
		synctest.Wait()
		if len(n.closed) != 1 || n.closed[0] != 1 {
			t.Errorf("closed %v, want the first connection", n.closed)
		}
	})
}

func TestClose(t *testing.T) {
	t.Run("it closes the connection", func(t *testing.T) {
		onNetwork(t, func(t *testing.T, n *network, c *lazyconn.Conn[*int]) {
			get(t, c, 1)
			c.Close()
			c.Close()
			if _, err := c.Get(t.Context()); !errors.Is(err, lazyconn.ErrClosed) || len(n.closed) != 1 {
				t.Errorf("err = %v, closed %v", err, n.closed)
			}
		})
	})
	t.Run("it waits for the attempt, and closes what comes of it", func(t *testing.T) {
		onNetwork(t, func(t *testing.T, n *network, c *lazyconn.Conn[*int]) {
			n.hang = make(chan struct{})
			go func() {
				if _, err := c.Get(t.Context()); !errors.Is(err, lazyconn.ErrClosed) {
					t.Errorf("err = %v, want ErrClosed", err)
				}
			}()
			synctest.Wait()
			go func() {
				synctest.Wait() // until Close waits
				close(n.hang)
			}()
			c.Close()
			if len(n.closed) != 1 {
				t.Errorf("closed %v, want the connection that came late", n.closed)
			}
		})
	})
}
