package crossmint

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/crossmint-go/auth/internal/netutil"
	"github.com/crossmint-go/auth/session"
)

// Config configures a [Client]. Only APIKey is required; [NewClient] checks
// all of it and reports every fault at once.
type Config struct {
	// APIKey is a server key ("sk_…"). It names the project and the
	// environment.
	APIKey session.Secret
	// AllowClientKey accepts a client key ("ck_…"), too. Client keys are public,
	// because browsers use them; a server should have its own key.
	AllowClientKey bool
	// RequireEnvironment, if set, rejects keys of other environments, so that
	// a staging key cannot reach production unnoticed.
	RequireEnvironment Environment
	// APIKeyVerifiers replaces Crossmint's public keys that verify API keys, by
	// environment. It is for tests, which sign their own API keys.
	APIKeyVerifiers map[Environment]ed25519.PublicKey

	// BaseURL replaces the base URL of the environment: https, or http to a
	// loopback host, without userinfo, query or fragment.
	BaseURL string
	// RefreshRoute is the absolute URL of another server's refresh route, the
	// documented refreshRoute. Refreshes then go there, without the API key. It
	// has to respond as handlers.Refresh does without OmitRefreshSecret. It must
	// not be a route of handlers.Refresh that uses this client, because that
	// would wait for itself.
	RefreshRoute string
	// CallbackURL is the URL at which upstream's own pages end a sign-in. Empty
	// means upstream's callback page.
	CallbackURL string
	// HTTPClient replaces the client that calls upstream. If its transport
	// only wraps another one, start from [NewTransport]. Its timeout, redirect
	// policy and cookie jar are not used: every call has its own timeout, and no
	// redirect is followed, because it could send the API key elsewhere.
	HTTPClient *http.Client
	// Timeout bounds one call to upstream, including a fetch of the keys.
	// 0 means 10 s.
	Timeout time.Duration
	// AppID and ExtensionID are sent as x-app-identifier and x-extension-id.
	AppID       string
	ExtensionID string

	// Audience must be in the "aud" of a JWT. Empty means the project ID.
	Audience string
	// Issuer must be the "iss" of a JWT. Empty means any, because the issuers in
	// use are not documented.
	Issuer string
	// Leeway is the time before its "nbf" from which a JWT is accepted:
	// upstream's clock may be ahead of this machine's. The "exp" has no leeway:
	// an early expiry costs one refresh. 0 means 30 s; at most 5 min.
	Leeway time.Duration

	// KeysRefreshAfter is the age at which the signing keys are fetched again
	// in the background. 0 means 10 min.
	KeysRefreshAfter time.Duration
	// KeysMaxAge is the age up to which keys are trusted while no newer ones
	// can be fetched. 0 means 72 h, which bridges a weekend.
	KeysMaxAge time.Duration
	// Logger receives warnings about keys and about the clock. nil means
	// slog.Default().
	Logger *slog.Logger
}

// Bounds and defaults of a Config.
const (
	defaultTimeout          = 10 * time.Second
	defaultLeeway           = 30 * time.Second
	maxLeeway               = 5 * time.Minute
	defaultKeysRefreshAfter = 10 * time.Minute
	defaultKeysMaxAge       = 72 * time.Hour
	maxHeaderValueBytes     = 512
)

// faults gathers all that is wrong with a Config.
type faults []error

func (f *faults) add(format string, args ...any) {
	*f = append(*f, fmt.Errorf("crossmint: "+format, args...))
}

// check sets defaults. It returns the parsed API key, or all faults.
func (c *Config) check() (apiKey, error) {
	var f faults
	key, err := c.parseAPIKey()
	if err != nil {
		f = append(f, err)
	}
	if c.RequireEnvironment != "" && !c.RequireEnvironment.isKnown() {
		f.add("RequireEnvironment: %q is not an environment; they are %q, %q and %q", c.RequireEnvironment, Development, Staging, Production)
	}
	c.Audience = cmp.Or(c.Audience, key.projectID)
	c.checkURLs(&f, key.environment)
	if !validHeaderValue(c.AppID) {
		f.add("AppID: not a header value")
	}
	if !validHeaderValue(c.ExtensionID) {
		f.add("ExtensionID: not a header value")
	}
	c.checkDurations(&f)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return key, errors.Join(f...)
}

func (c *Config) checkURLs(f *faults, environment Environment) {
	if c.BaseURL == "" {
		c.BaseURL = environments[environment].baseURL
	} else if err := checkURL(c.BaseURL); err != nil {
		f.add("BaseURL: %w", err)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.RefreshRoute != "" {
		if err := checkURL(c.RefreshRoute); err != nil {
			f.add("RefreshRoute: %w", err)
		}
	}
	if c.CallbackURL == "" {
		c.CallbackURL = c.BaseURL + authPrefix + "/callback"
	} else if err := checkURL(c.CallbackURL); err != nil {
		f.add("CallbackURL: %w", err)
	}
}

func (c *Config) checkDurations(f *faults) {
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.Leeway = cmp.Or(c.Leeway, defaultLeeway)
	c.KeysRefreshAfter = cmp.Or(c.KeysRefreshAfter, defaultKeysRefreshAfter)
	c.KeysMaxAge = cmp.Or(c.KeysMaxAge, defaultKeysMaxAge)
	if c.Timeout < 0 || c.KeysRefreshAfter < 0 || c.KeysMaxAge < 0 || c.Leeway < 0 {
		f.add("a duration is negative")
	}
	if c.Leeway > maxLeeway {
		f.add("Leeway is above %v", maxLeeway)
	}
	if c.KeysMaxAge < c.KeysRefreshAfter {
		f.add("KeysMaxAge is below KeysRefreshAfter")
	}
}

// checkURL accepts absolute https URLs, and http ones to this machine, that
// hold only a host and a path.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("not a URL") // the error of url.Parse repeats the URL, including userinfo
	}
	switch {
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("must be an absolute URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must be https, or http to a loopback host")
	case u.Scheme == "http" && !netutil.IsLoopback(u.Hostname()):
		return errors.New("plain http is for loopback hosts only: the network could read the API key")
	case u.User != nil:
		return errors.New("must not hold userinfo")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return errors.New("must not hold a query or a fragment")
	}
	return nil
}

func validHeaderValue(value string) bool {
	return len(value) <= maxHeaderValueBytes && !strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r > 0x7e })
}
