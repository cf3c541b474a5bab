//go:build !go1.26

package network_test

// http2 is off: before Go 1.26 the race detector reports net/http when an HTTP/2
// request with a body fails (golang/go#61596).
const http2 = false
