package crossmint

import (
	"crypto/tls"
	"net/http"
	"time"
)

// transportOf returns the transport for the calls. It is used without its
// http.Client, which could follow a redirect: the API key and the refresh token
// must not go to the target of a redirect.
func transportOf(client *http.Client) http.RoundTripper {
	if client != nil && client.Transport != nil {
		return client.Transport
	}
	return NewTransport()
}

// NewTransport returns the default transport of a [Client]. Wrap or change it
// for Config.HTTPClient. It uses TLS 1.2 or later, bounds response headers, keeps
// idle connections for a burst of refreshes, and detects dead connections with
// pings.
func NewTransport() *http.Transport {
	// A program may have replaced http.DefaultTransport.
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: idleTimeout}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = standard.Clone()
	}
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{}
	}
	transport.TLSClientConfig.MinVersion = max(transport.TLSClientConfig.MinVersion, tls.VersionTLS12)
	transport.MaxIdleConnsPerHost = maxIdleConnections
	transport.MaxResponseHeaderBytes = maxHeaderBytes
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
	return transport
}

const (
	// maxIdleConnections keeps connections for a burst of refreshes. With the
	// default of two, each burst would dial again.
	maxIdleConnections = 64
	// idleTimeout closes connections that no burst has used.
	idleTimeout = 90 * time.Second
	// pingAfter is the time without data after which an HTTP/2 connection is
	// tested with a ping; pingTimeout is the time for the response. Without
	// pings a dead connection would get every further call until the kernel
	// notices, because net/http does not close the connection of a call that
	// timed out.
	pingAfter   = 3 * time.Second
	pingTimeout = 2 * time.Second
	// maxHeaderBytes bounds the header of a response.
	maxHeaderBytes = 64 << 10
)
