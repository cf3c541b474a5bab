package network_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/crossmint-go/auth/integration_test/network"
)

// behindProxy returns a proxy in front of a server that responds with body. The channel
// receives a value for each request.
func behindProxy(t *testing.T, body string) (*network.Proxy, chan struct{}) {
	t.Helper()
	arrived := make(chan struct{}, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	proxy, err := network.NewProxy(server.Listener.Addr().String())
	fatal(t, err)
	t.Cleanup(proxy.Close)
	return proxy, arrived
}

const requestHead = "GET / HTTP/1.1\r\nHost: x\r\n"

// exchange sends one request on a new connection and returns the received bytes, until
// the connection or d ends.
func exchange(t *testing.T, proxy *network.Proxy, d time.Duration) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", proxy.Addr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	fatal(t, conn.SetDeadline(time.Now().Add(d)))
	if _, err := io.WriteString(conn, requestHead+"Connection: close\r\n\r\n"); err != nil {
		return "", err
	}
	got, err := io.ReadAll(conn)
	return string(got), err
}

// TestLinks checks the bytes that arrive at the client, and the end of the connection.
func TestLinks(t *testing.T) {
	const body = "0123456789"
	tests := []struct {
		name  string
		link  network.Link
		end   string // of the received bytes
		reset bool
	}{
		{"good", network.Link{}, body, false},
		{"slow", network.Link{Pause: time.Millisecond, Slice: 7}, body, false},
		{"refused", network.Link{Refuse: true}, "", true},
		{"before the header", network.Link{Cut: network.BeforeHeader}, "", true},
		{"after the header", network.Link{Cut: network.AfterHeader}, "\r\n\r\n", true},
		{"in the body", network.Link{Cut: network.InBody}, "01234", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			proxy, _ := behindProxy(t, body)
			proxy.Set(test.link)
			got, err := exchange(t, proxy, waitTimeout)
			if !strings.HasSuffix(got, test.end) || test.end == "" && len(got) > 0 {
				t.Errorf("received %q, want it to end in %q", got, test.end)
			}
			// A write after a reset fails with EPIPE.
			if reset := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE); reset != test.reset {
				t.Errorf("error %v, want a reset: %v", err, test.reset)
			}
		})
	}
}

// TestDroppedBytes checks that the client gets neither a response nor an error.
func TestDroppedBytes(t *testing.T) {
	tests := []struct {
		name    string
		silence func(*network.Proxy)
		arrives bool
	}{
		{"requests dropped", func(p *network.Proxy) { p.Set(network.Link{DropRequests: true}) }, false},
		{"responses dropped", func(p *network.Proxy) { p.Set(network.Link{DropResponses: true}) }, true},
		{"both dropped", func(p *network.Proxy) { p.Set(network.Link{DropRequests: true, DropResponses: true}) }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxy, arrived := behindProxy(t, "response")
			test.silence(proxy)
			got, err := exchange(t, proxy, 300*time.Millisecond)
			if timeout := net.Error(nil); len(got) > 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("received %q, %v, want a timeout", got, err)
			}
			if n := len(arrived); (n == 1) != test.arrives {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

// TestSilence checks that a silent connection stays so while others work.
func TestSilence(t *testing.T) {
	proxy, arrived := behindProxy(t, "response")
	conn, err := net.Dial("tcp", proxy.Addr())
	fatal(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, requestHead+"\r\n")
	fatal(t, err)
	<-arrived // the proxy has the connection
	proxy.Silence()
	_, err = io.WriteString(conn, requestHead+"\r\n")
	fatal(t, err)
	if got, err := exchange(t, proxy, waitTimeout); err != nil || !strings.HasSuffix(got, "response") {
		t.Errorf("a new connection: %q, %v", got, err)
	}
	<-arrived // from the new connection
	if n := len(arrived); n != 0 {
		t.Errorf("%d requests arrived from the silent connection", n)
	}
}
