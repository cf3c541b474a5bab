package network

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// readSize is above the size of every response of these tests.
const readSize = 64 << 10

// connection is the connection of one client, together with its connection to the
// target.
type connection struct {
	proxy  *Proxy
	client net.Conn
	silent atomic.Bool
	done   chan struct{}
	once   sync.Once

	mu       sync.Mutex // guards upstream until both directions run
	upstream net.Conn
}

func newConnection(p *Proxy, client net.Conn) *connection {
	return &connection{proxy: p, client: client, done: make(chan struct{})}
}

// join adds the connection to the target. If the client has disconnected meanwhile, it
// closes that connection and returns false.
func (c *connection) join(upstream net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.done:
		_ = upstream.Close()
		return false
	default:
		c.upstream = upstream
		return true
	}
}

// reset ends the connection. Both ends get a TCP reset.
func (c *connection) reset() { c.end(true) }

// close ends the connection without a reset.
func (c *connection) close() { c.end(false) }

func (c *connection) end(reset bool) {
	c.once.Do(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(c.done)
		for _, conn := range []net.Conn{c.client, c.upstream} {
			if tcp, ok := conn.(*net.TCPConn); ok && reset {
				_ = tcp.SetLinger(0)
			}
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
}

// link returns the present faults of the connection.
func (c *connection) link() *Link {
	if c.silent.Load() {
		return &Link{DropRequests: true, DropResponses: true}
	}
	return c.proxy.link.Load()
}

// forwardRequests forwards the bytes of the client.
func (c *connection) forwardRequests() {
	defer c.close()
	buffer := make([]byte, readSize)
	for {
		n, err := c.client.Read(buffer)
		link := c.link()
		if err != nil {
			return
		}
		if link.DropRequests {
			continue
		}
		if !c.pause(link.Pause) || !write(c.upstream, buffer[:n]) {
			return
		}
	}
}

// forwardResponses forwards the bytes of the target.
func (c *connection) forwardResponses() {
	buffer := make([]byte, readSize)
	for {
		n, err := c.upstream.Read(buffer)
		drop := c.link().DropResponses
		switch {
		case drop && err != nil:
			return // without closing the connection of the client
		case drop:
		case err != nil || !c.forwardResponse(buffer[:n]):
			c.close()
			return
		}
	}
}

// forwardResponse forwards a part of a response and reports whether the connection is
// still open. The link may change meanwhile.
func (c *connection) forwardResponse(data []byte) bool {
	if cut := c.link().Cut; cut != nil {
		write(c.client, data[:cut(data)])
		c.reset()
		return false
	}
	for len(data) > 0 {
		link, n := c.link(), len(data)
		if link.Slice > 0 {
			n = min(n, link.Slice)
		}
		if !c.pause(link.Pause) || !write(c.client, data[:n]) {
			return false
		}
		data = data[n:]
	}
	return true
}

// pause waits for d. It returns false if the connection ends before.
func (c *connection) pause(d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.done:
		return false
	case <-timer.C:
		return true
	}
}

func write(to net.Conn, data []byte) bool {
	_, err := to.Write(data)
	return err == nil
}
