//go:build go1.26

package network_test

// http2 reports whether upstream uses HTTP/2 over TLS.
const http2 = true
