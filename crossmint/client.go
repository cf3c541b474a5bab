package crossmint

import (
	"context"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// version is sent to upstream as x-client-version. A test compares it with
// CHANGELOG.md.
const version = "0.1.0"

// clientName is sent to upstream as x-client-name.
const clientName = "crossmint-go-auth"

// A Client calls Crossmint's auth API. It is safe for concurrent use.
type Client struct {
	config    Config
	key       apiKey
	transport http.RoundTripper
	verifier  *verify.Verifier
	clock     *clockMonitor
	users     *userCache
}

// NewClient checks config and returns a Client. One error reports all faults.
// NewClient makes no call: the signing keys are fetched when they are first
// needed, or by [Client.Preload].
func NewClient(config Config) (*Client, error) {
	key, err := config.check()
	if err != nil {
		return nil, err
	}
	c := &Client{
		config: config, key: key, transport: transportOf(config.HTTPClient),
		clock: &clockMonitor{logger: config.Logger}, users: newUserCache(),
	}
	c.verifier = verify.New(verify.Config{
		Audience: config.Audience, Issuer: config.Issuer, Leeway: config.Leeway,
		Fetch: c.fetchKeys, URL: c.JWKSURL(),
		RefreshAfter: config.KeysRefreshAfter, MaxAge: config.KeysMaxAge,
		Logger: config.Logger,
	})
	return c, nil
}

// Close cancels a running fetch of keys and closes idle connections. Close the
// session.Manager first.
func (c *Client) Close() {
	c.verifier.Close()
	(&http.Client{Transport: c.transport}).CloseIdleConnections()
}

// ProjectID returns the ID of the project that the API key belongs to.
func (c *Client) ProjectID() string { return c.key.projectID }

// Environment returns the environment that the API key belongs to.
func (c *Client) Environment() Environment { return c.key.environment }

// JWKSURL returns the URL of upstream's signing keys, like the documented
// getJwksUri.
func (c *Client) JWKSURL() string { return c.config.BaseURL + "/.well-known/jwks.json" }

// Preload fetches the signing keys, so that the first request does not wait for
// them. Without it, or if it fails, they are fetched when they are needed.
func (c *Client) Preload(ctx context.Context) error { return c.verifier.Preload(ctx) }

// KeysFetchedAt returns the time at which the current signing keys were
// fetched. It is zero if there are none yet.
func (c *Client) KeysFetchedAt() time.Time { return c.verifier.KeysFetchedAt() }
