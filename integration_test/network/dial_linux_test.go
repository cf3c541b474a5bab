package network_test

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/integration_test/network"
	"github.com/crossmint-go/auth/session"
)

// TestDialTimeout dials an address that does not respond, as behind a firewall that
// drops packets.
func TestDialTimeout(t *testing.T) {
	t.Parallel()
	fake := newFake(t, crossminttest.Config{Reuse: strict})
	listener := fullListener(t)
	s := &site{fake: fake}
	s.start(t, "http://"+listener.Addr().String(), siteConfig{session: session.Config{RefreshBudget: callTimeout}})
	v := s.visitor(t, "ada@example.com", true)
	if got := v.get(t); got != unavailable {
		t.Errorf("while the dial gets no response: %+v", got)
	}
	s.proxy = network.Serve(listener, strings.TrimPrefix(fake.URL(), "http://"))
	t.Cleanup(s.proxy.Close)
	v.recovers(t)
}

// fullListener returns a listener with a full backlog: the kernel completes no further
// connections before the first one is accepted.
func fullListener(t *testing.T) net.Listener {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	fatal(t, err)
	fatal(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	fatal(t, syscall.Listen(fd, 0))
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close() // the listener has a copy
	listener, err := net.FileListener(file)
	fatal(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	for range 16 { // more than one: kernels count differently
		if !connects(t, listener.Addr().String()) {
			return listener
		}
	}
	t.Fatal("the backlog does not fill")
	return nil
}

// connects reports whether a dial succeeds, and keeps the connection open.
func connects(t *testing.T, address string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	t.Cleanup(func() { _ = conn.Close() })
	return true
}
