// Package netutil holds network helpers that several packages share.
package netutil

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
)

// keepAlive is the interval in which the kernel checks an idle connection.
const keepAlive = 5 * time.Second

// NewDialer returns a dialer of connections to a store. The kernel notices within 20 s
// that one is lost.
func NewDialer(timeout time.Duration) net.Dialer {
	checks := net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive, Count: 3}
	return net.Dialer{Timeout: timeout, KeepAliveConfig: checks}
}

// IsLoopback reports whether a host name or IP address, without a port, is this
// machine (RFC 6761 §6.3, RFC 1122 §3.2.1.3). Connections to it need no
// encryption.
func IsLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// OnlyLoopback is a net.Dialer.Control that allows connections to this machine
// only: a name that a resolver or a peer returns may lead to another one.
func OnlyLoopback(network, address string, _ syscall.RawConn) error {
	if strings.HasPrefix(network, "unix") {
		return nil
	}
	if host, _, err := net.SplitHostPort(address); err == nil && IsLoopback(host) {
		return nil
	}
	return fmt.Errorf("%s is another machine: use TLS, or set InsecureAllowPlaintext", address)
}
