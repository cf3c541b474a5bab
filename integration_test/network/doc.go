// Package network puts the kit where it has to work: on networks that lose,
// delay and cut, and behind the proxies of docs/deployments.md.
//
// A [Proxy] stands between the client of Crossmint's API and a fake upstream,
// all over real sockets, TLS included. Its [Link] says what the connections
// suffer.
//
// The proxy is written here because these tests need three things together:
// connections cut at a place in the answer (before its header, after it, in
// its body), with a TCP reset; connections that fall silent for good while
// new ones work; and no goroutine that outlives a test. A general proxy for
// such faults, Toxiproxy 2.5, closes instead of resetting after a number of
// bytes, and leaves goroutines behind for connections that it has cut, which
// goleak reports.
package network
