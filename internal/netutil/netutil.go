// Package netutil holds network helpers that several packages share.
package netutil

import (
	"net"
	"strings"
)

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
