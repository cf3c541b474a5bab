package fleetlab_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	protocol "github.com/crossmint-go/auth/session/fleet"
)

// simulatedStore is a store for a bubble that can be restarted and frozen: a server
// behind pipes.
type simulatedStore struct {
	server simulatedServer
	wg     sync.WaitGroup // of the connections

	mu       sync.Mutex // guards all below
	up       bool
	frozen   chan struct{} // closed by thaw; nil: not frozen
	thawedAt time.Time
}

// publishTime is the time after a freeze for which an instance may still have
// unpublished results.
const publishTime = 15 * time.Second

// isDegraded reports whether the store is frozen, or was frozen within publishTime.
func (m *simulatedStore) isDegraded() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.frozen != nil || time.Since(m.thawedAt) < publishTime
}

// start starts the store without data.
func (m *simulatedStore) start() error {
	if err := m.server.start(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up = true
	return nil
}

// stop stops the store and closes all its connections. Its data is lost.
func (m *simulatedStore) stop() {
	m.thaw()
	m.mu.Lock()
	wasUp := m.up
	m.up = false
	m.mu.Unlock()
	if wasUp {
		m.server.stop()
	}
}

// freeze stops all traffic and closes no connection. New connections are accepted, as
// by a kernel, and get no response, unless the server refuses them.
func (m *simulatedStore) freeze() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen == nil {
		m.frozen = make(chan struct{})
	}
}

// thaw ends freeze. The store executes the commands that it got meanwhile.
func (m *simulatedStore) thaw() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen != nil {
		close(m.frozen)
		m.frozen, m.thawedAt = nil, time.Now()
	}
}

func (m *simulatedStore) state() (up bool, frozen chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.up, m.frozen
}

// dial connects to the store.
func (m *simulatedStore) dial() (net.Conn, error) {
	if up, frozen := m.state(); !up || frozen != nil && m.server.refusesFrozen() {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	}
	store, err := m.server.connect()
	if err != nil {
		return nil, err
	}
	client, remote := net.Pipe()
	m.wg.Go(func() { m.forward(store, remote) })
	m.wg.Go(func() { m.forward(remote, store) })
	return client, nil
}

// maxUnsent is the number of reads from a connection that wait while the store is
// frozen: more than an instance sends, so that no write of a client blocks, as with the
// buffers of a kernel.
const maxUnsent = 1 << 12

// forward copies from src to dst while the store is not frozen. A connection is made in
// an instant of the bubble, which no freeze interrupts.
func (m *simulatedStore) forward(dst, src net.Conn) {
	defer dst.Close()
	unsent, started := make(chan []byte, maxUnsent), time.Now()
	m.wg.Go(func() {
		defer close(unsent)
		buffer := make([]byte, 32<<10)
		for {
			n, err := src.Read(buffer)
			if err != nil {
				return
			}
			unsent <- bytes.Clone(buffer[:n])
		}
	})
	for part := range unsent {
		if _, frozen := m.state(); frozen != nil && time.Since(started) > 0 {
			<-frozen
		}
		if _, err := dst.Write(part); err != nil {
			break
		}
	}
	_ = src.Close()
	for range unsent { // until it is closed
	}
}

// close stops the store and waits for its connections and clients.
func (m *simulatedStore) close() {
	m.stop()
	m.wg.Wait()
	time.Sleep(m.server.closeTime())
}

// pipeRoute is the route of one instance to a simulatedStore.
type pipeRoute struct {
	store   *simulatedStore
	release func() // nil before newCoordinator

	mu          sync.Mutex // guards all below
	conns       []net.Conn
	closed      bool
	partitioned bool
}

func (p *pipeRoute) newCoordinator(onEvent onEvent) (c *protocol.Coordinator, err error) {
	c, p.release, err = p.store.server.newCoordinator(onEvent, p.dial)
	return c, err
}

func (p *pipeRoute) dial(context.Context) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.partitioned {
		return nil, errors.New("the store cannot be reached")
	}
	conn, err := p.store.dial()
	if err == nil {
		p.conns = append(p.conns, conn)
	}
	return conn, err
}

func (p *pipeRoute) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeAllLocked()
	if !p.closed && p.release != nil {
		go p.release() // waits for operations
	}
	p.closed = true
}

// setPartitioned separates the instance from the store, or ends that.
func (p *pipeRoute) setPartitioned(partitioned bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.partitioned = partitioned
	p.closeAllLocked()
}

// closeAllLocked closes all connections.
func (p *pipeRoute) closeAllLocked() {
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
}
