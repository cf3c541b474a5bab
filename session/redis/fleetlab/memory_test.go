package fleetlab_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// memory is a store in this process that can be restarted and frozen: a
// miniredis, reached over pipes, so that it lives in a bubble.
type memory struct {
	pumps sync.WaitGroup

	mu     sync.Mutex           // guards all below
	redis  *miniredis.Miniredis // nil while it is down
	frozen chan struct{}        // closed when it goes on; nil: it is not frozen
	thawed time.Time
}

// convalescence is how long after a freeze there may still be somebody who has
// something to tell the store.
const convalescence = 15 * time.Second

// ails reports whether the store is frozen, or was until a moment ago.
func (m *memory) ails() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.frozen != nil || time.Since(m.thawed) < convalescence
}

// up starts the store, empty.
func (m *memory) up() error {
	r := miniredis.NewMiniRedis()
	r.ClockTTL(true)
	conn, err := r.Dial() // starts it
	if err != nil {
		return err
	}
	_ = conn.Close()
	// It does not run commands on a connection of RESP3 that has subscribed,
	// as real servers do. Without HELLO the client keeps to RESP2.
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

// age lets the store have a memory of an hour, in all its parts: refusals are in
// doubt for the first minute of it.
func (m *memory) age() error {
	r, _ := m.state()
	since := strconv.FormatInt(time.Now().Add(-time.Hour).UnixMilli(), 10)
	var errs []error
	for part := range 256 {
		errs = append(errs, r.Set(fmt.Sprintf("crossmint:{%02x}", part), since))
	}
	return errors.Join(errs...)
}

// down ends the store and all its connections. What it knew is gone.
func (m *memory) down() {
	m.thaw()
	m.mu.Lock()
	r := m.redis
	m.redis = nil
	m.mu.Unlock()
	if r != nil {
		r.Close()
	}
}

// freeze lets nothing pass, and breaks no connection. New ones are made, as
// kernels do it, and get no answer.
func (m *memory) freeze() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen == nil {
		m.frozen = make(chan struct{})
	}
}

// thaw ends freeze. What was sent meanwhile is carried out.
func (m *memory) thaw() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen != nil {
		close(m.frozen)
		m.frozen, m.thawed = nil, time.Now()
	}
}

func (m *memory) state() (r *miniredis.Miniredis, frozen chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.redis, m.frozen
}

// dial connects to the store.
func (m *memory) dial() (net.Conn, error) {
	r, _ := m.state()
	if r == nil {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	}
	inner, err := r.Dial()
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	m.pumps.Go(func() { m.pump(inner, far) })
	m.pumps.Go(func() { m.pump(far, inner) })
	return near, nil
}

// pump carries what src sends to dst, while the store is not frozen.
func (m *memory) pump(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := src.Read(buffer)
		if _, frozen := m.state(); frozen != nil {
			<-frozen
		}
		if _, failed := dst.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

// close ends the store and waits for its connections.
func (m *memory) close() {
	m.down()
	m.pumps.Wait()
}

// path is one instance's way to a memory.
type path struct {
	to *memory

	mu    sync.Mutex // guards all below
	conns []net.Conn
	ended bool
	down  bool // for now
}

func (p *path) coordinator(config redis.Config) (*redis.Coordinator, error) {
	config.URL = session.NewSecret("redis://localhost")
	c, err := redis.New(config)
	if err != nil {
		return nil, err
	}
	return c, dialBy(c, p.dial)
}

func (p *path) dial(context.Context) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.down {
		return nil, errDead
	}
	conn, err := p.to.dial()
	if err == nil {
		p.conns = append(p.conns, conn)
	}
	return conn, err
}

func (p *path) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.closeAll()
}

// interrupt cuts the way for some time, or ends that.
func (p *path) interrupt(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	p.closeAll()
}

// closeAll closes all connections. The mutex is held.
func (p *path) closeAll() {
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
}
