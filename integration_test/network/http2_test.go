//go:build go1.26

package network_test

// http2 is what upstream speaks over TLS.
const http2 = true
