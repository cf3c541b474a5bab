package redis_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A forwarder is the route of one instance to the store. It can be cut.
type forwarder struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex // guards all below
	target string
	conns  []net.Conn
	isCut  bool
}

func newForwarder(t *testing.T, target string) *forwarder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{listener: listener, target: target}
	f.running.Go(f.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		f.cut(true)
		f.running.Wait()
	})
	return f
}

func (f *forwarder) URL() string { return "redis://" + f.listener.Addr().String() }

func (f *forwarder) accept() {
	for {
		near, err := f.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", f.currentTarget())
		if err != nil || !f.add(near, far) {
			_ = near.Close()
			continue
		}
		f.running.Go(func() { forward(near, far) })
		f.running.Go(func() { forward(far, near) })
	}
}

func (f *forwarder) currentTarget() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.target
}

// setTarget sets the store of new connections.
func (f *forwarder) setTarget(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = target
}

func forward(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	_, _ = io.Copy(dst, src)
}

func (f *forwarder) add(near, far net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isCut {
		_ = far.Close()
		return false
	}
	f.conns = append(f.conns, near, far)
	return true
}

// cut cuts the route, or restores it.
func (f *forwarder) cut(isCut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isCut = isCut
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}
