package crossmint

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// Version is sent to upstream as x-client-version.
const Version = "0.1.0"

// clientName is sent to upstream as x-client-name.
const clientName = "crossmint-go-auth"

// A Client calls Crossmint's auth API. It is safe for concurrent use.
type Client struct {
	config    Config
	key       apiKey
	transport http.RoundTripper
	verifier  *verify.Verifier
}

// NewClient checks config and returns a Client. It makes no call: the signing
// keys are fetched when they are first needed, or by [Client.Preload]. All
// faults of config are reported in one error.
func NewClient(config Config) (*Client, error) {
	key, err := config.check()
	if err != nil {
		return nil, err
	}
	c := &Client{config: config, key: key, transport: transportOf(config.HTTPClient)}
	c.verifier = verify.New(verify.Config{
		Audience: config.Audience, Issuer: config.Issuer, Leeway: config.Leeway,
		Fetch:        c.fetchKeys,
		RefreshAfter: config.KeysRefreshAfter, MaxAge: config.KeysMaxAge,
		Logger: config.Logger,
	})
	return c, nil
}

// Close ends a fetch of keys in flight and closes idle connections. Close the
// session.Manager first.
func (c *Client) Close() {
	c.verifier.Close()
	(&http.Client{Transport: c.transport}).CloseIdleConnections()
}

// ProjectID returns the ID of the project that the API key belongs to.
func (c *Client) ProjectID() string { return c.key.projectID }

// Environment returns the environment that the API key belongs to.
func (c *Client) Environment() Environment { return c.key.environment }

// JWKSURL returns where upstream publishes its signing keys, the documented
// getJwksUri.
func (c *Client) JWKSURL() string { return c.config.BaseURL + "/.well-known/jwks.json" }

// Preload fetches the signing keys, so that the first request need not wait
// for them. Without it, or if it fails, they are fetched when needed.
func (c *Client) Preload(ctx context.Context) error { return c.verifier.Preload(ctx) }

// KeysFetchedAt returns when the signing keys in use were fetched; the zero
// time means that there are none yet.
func (c *Client) KeysFetchedAt() time.Time { return c.verifier.KeysFetchedAt() }

// transportOf returns what a client's calls go through. It is used without the
// client, which could follow a redirect: the API key and the refresh token must
// not travel to where an answer points.
func transportOf(given *http.Client) http.RoundTripper {
	if given != nil && given.Transport != nil {
		return given.Transport
	}
	return NewTransport()
}

// NewTransport returns the transport of a [Client] that is given none, to be
// wrapped or changed for Config.HTTPClient: TLS 1.2 or later, bounded headers,
// connections kept for a wave of refreshes, and pings that notice one which the
// network has forgotten.
func NewTransport() *http.Transport {
	// A program may have put something else into DefaultTransport.
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
	// maxIdleConnections keeps connections for a wave of refreshes; the
	// library's default of two makes each wave dial anew.
	maxIdleConnections = 64
	// idleTimeout closes connections that no wave has used for a while.
	idleTimeout = 90 * time.Second
	// pingAfter is how long a connection of HTTP/2 may be silent before it is
	// asked whether it lives, and pingTimeout how long it may take to answer.
	// net/http ends a call that times out, not its connection: one that the
	// network has forgotten would get every further call, for as long as the
	// kernel takes to notice.
	pingAfter   = 3 * time.Second
	pingTimeout = 2 * time.Second
	// maxHeaderBytes bounds the header of upstream's answers.
	maxHeaderBytes = 64 << 10
)
