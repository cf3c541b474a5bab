package network

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// A Proxy forwards TCP connections with the faults of its Link.
type Proxy struct {
	listener net.Listener // nil: the proxy is part of a dialer
	dial     func() (net.Conn, error)
	link     atomic.Pointer[Link]
	work     sync.WaitGroup

	mu     sync.Mutex // guards all below
	closed bool
	open   map[*connection]struct{}
}

// NewProxy returns a proxy for the address target, on a free loopback port.
// The caller must Close it.
func NewProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return Serve(listener, target), nil
}

// Serve is NewProxy with a given listener, which Close closes.
func Serve(listener net.Listener, target string) *Proxy {
	p := newProxy(func() (net.Conn, error) { return net.Dial("tcp", target) })
	p.listener = listener
	p.work.Go(p.accept)
	return p
}

func newProxy(dial func() (net.Conn, error)) *Proxy {
	p := &Proxy{dial: dial, open: map[*connection]struct{}{}}
	p.link.Store(&Link{})
	return p
}

// A Dial dials like [net.Dialer.DialContext].
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// Through returns a proxy in front of dial, and the dialer to use in its place. It uses
// pipes: sockets do not work with testing/synctest. The caller must Close it.
func Through(dial Dial) (*Proxy, Dial) {
	p := newProxy(func() (net.Conn, error) { return dial(context.Background(), "tcp", "upstream:443") })
	return p, func(context.Context, string, string) (net.Conn, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed || p.link.Load().Refuse {
			return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
		}
		near, far := net.Pipe()
		p.work.Go(func() { p.serve(far) })
		return near, nil
	}
}

// Addr returns the address that the proxy listens on.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes the faults of all connections, including the open ones.
func (p *Proxy) Set(link Link) { p.link.Store(&link) }

// Silence drops all further bytes of the open connections, whatever the Link. Neither
// end gets an error, as when a router has lost its state.
func (p *Proxy) Silence() {
	p.each(func(c *connection) { c.silent.Store(true) })
}

// Reset resets the open connections.
func (p *Proxy) Reset() { p.each((*connection).reset) }

func (p *Proxy) each(do func(*connection)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		do(c)
	}
}

// Close stops listening, resets all connections and waits for their end.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
	}
	p.Reset()
	p.work.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.work.Go(func() { p.serve(client) })
	}
}

// serve connects the client with the target until one of them ends.
func (p *Proxy) serve(client net.Conn) {
	c := newConnection(p, client)
	defer c.close()
	if p.link.Load().Refuse || !p.add(c) {
		c.reset()
		return
	}
	defer p.remove(c)
	upstream, err := p.dial()
	if err != nil || !c.join(upstream) {
		return
	}
	var both sync.WaitGroup
	both.Go(c.forwardRequests)
	both.Go(c.forwardResponses)
	both.Wait()
}

// add returns false after Close.
func (p *Proxy) add(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.open[c] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) remove(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}
