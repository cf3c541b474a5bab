package network

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// readSize is more than any answer of these tests has.
const readSize = 64 << 10

// connection is one client's connection and the one to the target that
// belongs to it.
type connection struct {
	proxy    *Proxy
	client   net.Conn
	stranded atomic.Bool
	done     chan struct{}
	once     sync.Once

	mu       sync.Mutex // guards upstream until both directions run
	upstream net.Conn
}

func newConnection(p *Proxy, client net.Conn) *connection {
	return &connection{proxy: p, client: client, done: make(chan struct{})}
}

// join gives the connection its other half. It reports false, and closes that
// half, where the first has ended meanwhile.
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

// reset ends the connection; both ends see a TCP reset.
func (c *connection) reset() { c.end(true) }

// close ends the connection in order.
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

// link returns what the connection suffers now.
func (c *connection) link() *Link {
	if c.stranded.Load() {
		return &Link{Deaf: true, Mute: true}
	}
	return c.proxy.link.Load()
}

// requests passes on what the client sends.
func (c *connection) requests() {
	defer c.close()
	buffer := make([]byte, readSize)
	for {
		n, err := c.client.Read(buffer)
		link := c.link()
		if err != nil {
			return
		}
		if link.Deaf {
			continue
		}
		if !c.pause(link.Pause) || !write(c.upstream, buffer[:n]) {
			return
		}
	}
}

// answers passes on what the target answers.
func (c *connection) answers() {
	buffer := make([]byte, readSize)
	for {
		n, err := c.upstream.Read(buffer)
		mute := c.link().Mute
		switch {
		case mute && err != nil:
			return // the client is not told
		case mute:
		case err != nil || !c.answer(buffer[:n]):
			c.close()
			return
		}
	}
}

// answer passes one answer on and reports whether the connection goes on. The
// link may change meanwhile.
func (c *connection) answer(data []byte) bool {
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

// pause reports false if the connection ends meanwhile.
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
