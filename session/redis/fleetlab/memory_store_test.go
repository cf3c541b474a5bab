package fleetlab_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// memoryStore is a store in this process that can be restarted and frozen: a
// miniredis behind pipes, which works in a bubble.
type memoryStore struct {
	wg sync.WaitGroup // of the connections

	mu       sync.Mutex           // guards all below
	redis    *miniredis.Miniredis // nil while it is stopped
	frozen   chan struct{}        // closed by thaw; nil: not frozen
	thawedAt time.Time
}

const (
	// publishTime is the time after a freeze for which an instance may still have
	// unpublished results.
	publishTime = 15 * time.Second
	// clientCloseTime is the time that the client of a store needs to end its
	// goroutines after it was closed.
	clientCloseTime = 2 * time.Second
)

// isDegraded reports whether the store is frozen, or was frozen within publishTime.
func (m *memoryStore) isDegraded() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.frozen != nil || time.Since(m.thawedAt) < publishTime
}

// start starts the store without data.
func (m *memoryStore) start() error {
	r := miniredis.NewMiniRedis()
	r.ClockTTL(true)
	conn, err := r.Dial() // starts it
	if err != nil {
		return err
	}
	_ = conn.Close()
	// On a RESP3 connection that has subscribed, miniredis rejects other
	// commands; real servers accept them. Without HELLO the client uses RESP2.
	r.Server().SetPreHook(func(p *server.Peer, command string, _ ...string) bool {
		if command == "HELLO" {
			p.WriteError("ERR unknown command 'HELLO'")
		}
		return command == "HELLO"
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.redis = r
	return nil
}

// stop stops the store and closes all its connections. Its data is lost.
func (m *memoryStore) stop() {
	m.thaw()
	m.mu.Lock()
	r := m.redis
	m.redis = nil
	m.mu.Unlock()
	if r != nil {
		r.Close()
	}
}

// freeze stops all traffic and closes no connection. New connections are accepted,
// as by a kernel, and get no response.
func (m *memoryStore) freeze() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen == nil {
		m.frozen = make(chan struct{})
	}
}

// thaw ends freeze. The store executes the commands that it got meanwhile.
func (m *memoryStore) thaw() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen != nil {
		close(m.frozen)
		m.frozen, m.thawedAt = nil, time.Now()
	}
}

func (m *memoryStore) state() (r *miniredis.Miniredis, frozen chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.redis, m.frozen
}

// dial connects to the store.
func (m *memoryStore) dial() (net.Conn, error) {
	r, _ := m.state()
	if r == nil {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	}
	store, err := r.Dial()
	if err != nil {
		return nil, err
	}
	client, remote := net.Pipe()
	m.wg.Go(func() { m.forward(store, remote) })
	m.wg.Go(func() { m.forward(remote, store) })
	return client, nil
}

// forward copies from src to dst while the store is not frozen.
func (m *memoryStore) forward(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, readErr := src.Read(buffer)
		if _, frozen := m.state(); frozen != nil {
			<-frozen
		}
		if _, err := dst.Write(buffer[:n]); err != nil || readErr != nil {
			return
		}
	}
}

// close stops the store and waits for its connections.
func (m *memoryStore) close() {
	m.stop()
	m.wg.Wait()
}

// pipeRoute is the route of one instance to a memoryStore.
type pipeRoute struct {
	store *memoryStore

	mu          sync.Mutex // guards all below
	conns       []net.Conn
	closed      bool
	partitioned bool
}

func (p *pipeRoute) newCoordinator(config redis.Config) (*redis.Coordinator, error) {
	config.URL = session.NewSecret("redis://localhost")
	c, err := redis.New(config)
	if err != nil {
		return nil, err
	}
	return c, setDialer(c, p.dial)
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
	p.closed = true
	p.closeAllLocked()
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
