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

// behindProxy returns a proxy in front of a server that answers with a body,
// and counts the requests that arrive.
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

const question = "GET / HTTP/1.1\r\nHost: x\r\n"

// ask sends one request on a connection of its own and returns what arrives
// until the connection ends, or d is over.
func ask(t *testing.T, proxy *network.Proxy, d time.Duration) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", proxy.Addr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	fatal(t, conn.SetDeadline(time.Now().Add(d)))
	if _, err := io.WriteString(conn, question+"Connection: close\r\n\r\n"); err != nil {
		return "", err
	}
	got, err := io.ReadAll(conn)
	return string(got), err
}

// The proxy does what it is told: what arrives at the client, and how it ends.
func TestLinks(t *testing.T) {
	const body = "0123456789"
	tests := []struct {
		name  string
		link  network.Link
		end   string // of what arrives
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
			got, err := ask(t, proxy, patience)
			if !strings.HasSuffix(got, test.end) || test.end == "" && len(got) > 0 {
				t.Errorf("arrived: %q, want it to end in %q", got, test.end)
			}
			// The kernel says EPIPE to those who write after a reset.
			if reset := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE); reset != test.reset {
				t.Errorf("ended with %v, want a reset: %v", err, test.reset)
			}
		})
	}
}

// Silence: requests arrive or do not, answers never come, and no end does.
func TestSilence(t *testing.T) {
	tests := []struct {
		name    string
		silence func(*network.Proxy)
		arrives bool
	}{
		{"deaf", func(p *network.Proxy) { p.Set(network.Link{Deaf: true}) }, false},
		{"mute", func(p *network.Proxy) { p.Set(network.Link{Mute: true}) }, true},
		{"black hole", func(p *network.Proxy) { p.Set(network.Link{Deaf: true, Mute: true}) }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxy, arrived := behindProxy(t, "answer")
			test.silence(proxy)
			got, err := ask(t, proxy, 300*time.Millisecond)
			if timeout := net.Error(nil); len(got) > 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("arrived: %q, %v, want silence", got, err)
			}
			if n := len(arrived); (n == 1) != test.arrives {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

// A stranded connection stays silent when all others work.
func TestStrand(t *testing.T) {
	proxy, arrived := behindProxy(t, "answer")
	conn, err := net.Dial("tcp", proxy.Addr())
	fatal(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, question+"\r\n")
	fatal(t, err)
	<-arrived // so the proxy knows the connection
	proxy.Strand()
	_, err = io.WriteString(conn, question+"\r\n")
	fatal(t, err)
	if got, err := ask(t, proxy, patience); err != nil || !strings.HasSuffix(got, "answer") {
		t.Errorf("a new connection: %q, %v", got, err)
	}
	<-arrived // of the new one
	if n := len(arrived); n != 0 {
		t.Errorf("%d requests arrived from the stranded one", n)
	}
}
