package handlers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// pipeListener is a net.Listener of in-memory pipes, since sockets do not work in a
// synctest bubble.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
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
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// dial serves h and returns a connection to it.
func dial(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	listener := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	var conns sync.WaitGroup // net/http may use a connection after its handler has returned
	server, served := &http.Server{Handler: h, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			conns.Add(1)
		case http.StateClosed, http.StateHijacked:
			conns.Done()
		}
	}}, make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	clientConn, serverConn := net.Pipe()
	listener.conns <- serverConn
	t.Cleanup(func() {
		_ = clientConn.Close()
		_ = server.Close()
		<-served
		conns.Wait()
	})
	return clientConn
}

// writeSlowly writes data with a pause before each byte, until the server closes conn
// or ctx ends.
func writeSlowly(ctx context.Context, conn net.Conn, data string, pause time.Duration) {
	for _, b := range []byte(data) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
	}
}

// TestSlowBodies sends the body of a refresh or a logout with a pause before each
// byte.
func TestSlowBodies(t *testing.T) {
	const body = `{"refresh":"a"}`
	tests := []struct {
		name, path string
		pause      time.Duration
		want       outcome
		took       time.Duration
		closed     bool // whether the server closes the connection
	}{
		{name: "refresh, in time", path: "/refresh", pause: 300 * time.Millisecond, want: outcome{Summary: "401 kept", Refreshes: 1}, took: 4500 * time.Millisecond},
		{name: "refresh, too slow", path: "/refresh", pause: time.Second, want: outcome{Summary: "408 kept"}, took: 5 * time.Second, closed: true},
		{name: "refresh, no body", path: "/refresh", pause: time.Hour, want: outcome{Summary: "408 kept"}, took: 5 * time.Second, closed: true},
		{name: "logout, in time", path: "/logout", pause: 300 * time.Millisecond, want: outcome{Summary: "204 cleared", Logouts: 1}, took: 4500 * time.Millisecond},
		{name: "logout, no body", path: "/logout", pause: time.Hour, want: outcome{Summary: "204 cleared"}, took: 5 * time.Second, closed: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newTestEnv(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{})
				conn := dial(t, env.mux)
				started := time.Now()
				_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", test.path, len(body))
				testkit.NoError(t, err)
				go writeSlowly(t.Context(), conn, body, test.pause)
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				testkit.NoError(t, err)
				took := time.Since(started)
				_, err = io.Copy(io.Discard, res.Body)
				testkit.NoError(t, err)
				checkHeaders(t, res)
				calls := env.Fake.Calls()
				got := []any{outcome{Summary: testkit.ResponseOutcome(t, res), Refreshes: calls.Refresh, Logouts: calls.Logout}, took, res.Close}
				if diff := cmp.Diff([]any{test.want, test.took, test.closed}, got); diff != "" {
					t.Errorf("outcome, time and Connection: close (-want +got):\n%s", diff)
				}
				if test.closed {
					return
				}
				// The body's deadline must not apply to the next request.
				time.Sleep(time.Minute)
				_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: app.example\r\nContent-Length: 0\r\n\r\n", test.path)
				testkit.NoError(t, err)
				if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
					t.Errorf("next request on the connection: %v", err)
				}
			})
		})
	}
}
