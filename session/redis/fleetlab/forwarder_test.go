package fleetlab_test

import (
	"io"
	"net"
	"sync"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// forwarder is one instance's way to a real store: a port of its own, whose
// connections are carried on to the store's and can be cut.
type forwarder struct {
	listener net.Listener
	target   string
	pumps    sync.WaitGroup

	mu    sync.Mutex // guards all below
	conns []net.Conn
	ended bool
}

func newForwarder(target string) (*forwarder, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &forwarder{listener: listener, target: target}
	f.pumps.Go(f.accept)
	return f, nil
}

func (f *forwarder) coordinator(config redis.Config) (*redis.Coordinator, error) {
	config.URL = session.NewSecret("redis://" + f.listener.Addr().String())
	return redis.New(config)
}

func (f *forwarder) accept() {
	for {
		near, err := f.listener.Accept()
		if err != nil {
			return // cut has closed it
		}
		far, err := net.Dial("tcp", f.target)
		if err != nil {
			_ = near.Close() // the store is down
			continue
		}
		if !f.keep(near, far) {
			return
		}
		f.pumps.Go(func() { pump(near, far) })
		f.pumps.Go(func() { pump(far, near) })
	}
}

// keep notes connections for cut, and closes them if that came first.
func (f *forwarder) keep(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, conns...)
	if f.ended {
		f.closeAll()
	}
	return !f.ended
}

// closeAll closes all connections. The mutex is held.
func (f *forwarder) closeAll() {
	for _, conn := range f.conns {
		_ = conn.Close()
	}
}

// pump carries what src sends to dst, until one of them ends.
func pump(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	_, _ = io.Copy(dst, src)
}

func (f *forwarder) cut() {
	_ = f.listener.Close()
	f.mu.Lock()
	f.ended = true
	f.closeAll()
	f.mu.Unlock()
	f.pumps.Wait()
}
