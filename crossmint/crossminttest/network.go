package crossminttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// memoryURL is the URL of a fake in memory: a loopback name, for which http is
// allowed.
const memoryURL = "http://crossmint.localhost"

// maxIdleConns keeps the connections of a burst for the next one.
const maxIdleConns = 128

// network is a listener that can go down and come back, and the transport that
// connects to it.
type network struct {
	inMemory  bool
	handler   http.Handler
	transport *http.Transport
	url       string // constant after the first up
	conns     sync.WaitGroup

	mu     sync.Mutex // guards all below
	addr   string     // pinned by the first up
	pipes  *pipeListener
	server *http.Server // nil while down
	served chan struct{}
	closed bool
}

func newNetwork(config Config, handler http.Handler) *network {
	n := &network{inMemory: config.InMemory, handler: handler, addr: config.Addr}
	// The proxy of the environment must not get between a test and its fake.
	n.transport = &http.Transport{MaxIdleConnsPerHost: maxIdleConns}
	if n.inMemory {
		n.url, n.transport.DialContext = memoryURL, n.dial
	}
	return n
}

// up listens at the same address as before. It does nothing if the network is
// up.
func (n *network) up() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errors.New("crossminttest: the server is closed")
	}
	if n.server != nil {
		return nil
	}
	listener, err := n.listenLocked()
	if err != nil {
		return fmt.Errorf("crossminttest: %w", err)
	}
	server, served := &http.Server{Handler: n.handler, ConnState: n.trackConn}, make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // always ErrServerClosed: down ends it
	}()
	n.server, n.served = server, served
	return nil
}

// trackConn counts the open connections: net/http may keep one open for half a
// second after its handler has returned.
func (n *network) trackConn(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		n.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		n.conns.Done()
	}
}

func (n *network) listenLocked() (net.Listener, error) {
	if n.inMemory {
		n.pipes = newPipeListener()
		return n.pipes, nil
	}
	listener, err := net.Listen("tcp", n.addr)
	if err != nil {
		return nil, err
	}
	if n.url == "" {
		n.addr = listener.Addr().String()
		n.url = "http://" + hostPort(listener.Addr().(*net.TCPAddr))
	}
	return listener, nil
}

// hostPort returns the host and port for connections to address from this
// machine.
func hostPort(address *net.TCPAddr) string {
	if address.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", address.Port)
	}
	return address.String()
}

// down stops listening and breaks every connection. With permanent, up fails from
// then on.
func (n *network) down(permanent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = n.closed || permanent
	if n.server == nil {
		return
	}
	_ = n.server.Close() // the listener is closed in spite of an error
	<-n.served
	_ = n.server.Close() // closes a connection that Serve accepted meanwhile
	n.server = nil
	n.transport.CloseIdleConnections()
}

// dial connects to the fake in memory, whatever the address.
func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	pipes := n.pipes
	n.mu.Unlock()
	return pipes.dial(ctx)
}

// pipeListener accepts the other ends of the pipes that dial returns.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

// dial returns one end of a new pipe. A closed listener refuses connections like
// a closed port.
func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: pipeAddr{}, Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: pipeAddr{}, Err: ctx.Err()}
	}
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
