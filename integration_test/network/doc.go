// Package network tests the kit on networks that lose, delay and reset, and behind the
// proxies of docs/deployments.md.
//
// A [Proxy] is between the client of Crossmint's API and a fake upstream, on real
// sockets, with and without TLS. Its [Link] describes the faults of the connections.
//
// These tests have a proxy of their own because they need three things together: a
// TCP reset at a given place of the response (before its header, after it, in its
// body); connections that become silent while new ones work; and no goroutine after
// the end of a test. Toxiproxy 2.5, a general proxy for such faults, closes instead
// of resetting after a number of bytes, and leaves goroutines of reset connections
// behind, which goleak reports.
package network
