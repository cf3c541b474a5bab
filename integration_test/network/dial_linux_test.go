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

// TestNobodyAnswersTheDoor dials an address at which nobody answers, as behind
// a firewall that drops: not even a connection comes about.
func TestNobodyAnswersTheDoor(t *testing.T) {
	t.Parallel()
	fake := newFake(t, crossminttest.Config{Reuse: strict})
	door := closedDoor(t)
	s := &site{fake: fake}
	s.start(t, "http://"+door.Addr().String(), siteConfig{session: session.Config{RefreshBudget: callTimeout}})
	v := s.visitor(t, "ada@example.com", true)
	if got := v.get(t); got != undecided {
		t.Errorf("nobody answers: %+v", got)
	}
	s.proxy = network.Serve(door, strings.TrimPrefix(fake.URL(), "http://"))
	t.Cleanup(s.proxy.Close)
	v.recovers(t)
}

// closedDoor returns a listener to which the kernel makes no further
// connections before the first is accepted: its backlog is full.
func closedDoor(t *testing.T) net.Listener {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	fatal(t, err)
	fatal(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	fatal(t, syscall.Listen(fd, 0))
	file := os.NewFile(uintptr(fd), "door")
	defer file.Close() // the listener has a copy
	door, err := net.FileListener(file)
	fatal(t, err)
	t.Cleanup(func() { _ = door.Close() })
	for range 16 { // one would do; kernels count differently
		if !knock(t, door.Addr().String()) {
			return door
		}
	}
	t.Fatal("the backlog does not fill")
	return nil
}

// knock reports whether a connection comes about, and keeps it.
func knock(t *testing.T, address string) bool {
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
