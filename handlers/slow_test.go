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
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// pipes is a listener whose connections are pipes: sockets do not work where
// time is not the machine's.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.close.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// dial serves h and returns a connection to it.
func dial(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	var conns sync.WaitGroup // net/http may hold one after its handler has returned
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
	near, far := net.Pipe()
	listener.conns <- far
	t.Cleanup(func() {
		_ = near.Close()
		_ = server.Close()
		<-served
		conns.Wait()
	})
	return near
}

// trickle writes text with a pause before each byte, until the server closes
// or ctx ends.
func trickle(ctx context.Context, conn net.Conn, text string, pause time.Duration) {
	for _, b := range []byte(text) {
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

// TestSlowBodies sends the body of a refresh, or of a logout, with a pause
// before each of its bytes.
func TestSlowBodies(t *testing.T) {
	const body = `{"refresh":"a"}`
	tests := []struct {
		name, path string
		pause      time.Duration
		want       outcome
		took       time.Duration
		closed     bool // afterwards
	}{
		{"refresh, in time", "/refresh", 300 * time.Millisecond, outcome{"401 cleared", 1, 0}, 4500 * time.Millisecond, false},
		{"refresh, too slow", "/refresh", time.Second, outcome{"408 kept", 0, 0}, 5 * time.Second, true},
		{"refresh, silent", "/refresh", time.Hour, outcome{"408 kept", 0, 0}, 5 * time.Second, true},
		{"logout, in time", "/logout", 300 * time.Millisecond, outcome{"204 cleared", 0, 1}, 4500 * time.Millisecond, false},
		{"logout, silent", "/logout", time.Hour, outcome{"204 cleared", 0, 0}, 5 * time.Second, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{})
				conn := dial(t, k.mux)
				started := time.Now()
				_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", test.path, len(body))
				must(t, err)
				go trickle(t.Context(), conn, body, test.pause)
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				must(t, err)
				took := time.Since(started)
				_, err = io.Copy(io.Discard, res.Body)
				must(t, err)
				checkHeaders(t, res)
				calls := k.fake.Calls()
				got := []any{outcome{verdict(t, res), calls.Refresh, calls.Logout}, took, res.Close}
				if diff := cmp.Diff([]any{test.want, test.took, test.closed}, got); diff != "" {
					t.Errorf("outcome, time and Connection: close (-want +got):\n%s", diff)
				}
				if test.closed {
					return
				}
				// The deadline of the body must not outlive it.
				time.Sleep(time.Minute)
				_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: app.example\r\nContent-Length: 0\r\n\r\n", test.path)
				must(t, err)
				if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
					t.Errorf("the next request on the connection: %v", err)
				}
			})
		})
	}
}
