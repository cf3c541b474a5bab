package fleetlab_test

import (
	"io"
	"net"
	"sync"

	protocol "github.com/crossmint-go/auth/session/fleet"
)

// forwarder is the route of one instance to a real store: a port of its own, which
// forwards connections to the store.
type forwarder struct {
	listener net.Listener
	kind     kind
	target   string
	wg       sync.WaitGroup // of accept and the connections

	mu     sync.Mutex // guards all below
	conns  []net.Conn
	closed bool
}

func newForwarder(k kind, target string) (*forwarder, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &forwarder{listener: listener, kind: k, target: target}
	f.wg.Go(f.accept)
	return f, nil
}

func (f *forwarder) newCoordinator(onEvent onEvent) (*protocol.Coordinator, error) {
	return f.kind.connect(f.listener.Addr().String(), onEvent)
}

func (f *forwarder) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return // close has closed the listener
		}
		store, err := net.Dial("tcp", f.target)
		if err != nil {
			_ = client.Close() // the store is down
			continue
		}
		if !f.add(client, store) {
			return
		}
		f.wg.Go(func() { forward(client, store) })
		f.wg.Go(func() { forward(store, client) })
	}
}

// add adds connections, which close will close. It returns false if the forwarder is
// closed already.
func (f *forwarder) add(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, conns...)
	if f.closed {
		f.closeAllLocked()
	}
	return !f.closed
}

// closeAllLocked closes all connections.
func (f *forwarder) closeAllLocked() {
	for _, conn := range f.conns {
		_ = conn.Close()
	}
}

// forward copies from src to dst until one of them is closed, and closes both.
func forward(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	_, _ = io.Copy(dst, src)
}

func (f *forwarder) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	f.closed = true
	f.closeAllLocked()
	f.mu.Unlock()
	f.wg.Wait()
}
