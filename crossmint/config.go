package crossmint

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Config configures a [Client]. Only APIKey is required; [NewClient] checks
// all of it and reports every fault at once.
type Config struct {
	// APIKey is a server key ("sk_…"). It names the project and the
	// environment.
	APIKey session.Secret
	// AllowClientKey takes a client key ("ck_…"), too. Browsers know client
	// keys; a server should have its own.
	AllowClientKey bool
	// RequireEnvironment, if set, rejects keys of other environments, so that
	// a staging key cannot reach production unnoticed.
	RequireEnvironment Environment
	// Signers replaces the vendor's keys that sign API keys, by environment.
	// Tests mint their own keys with it.
	Signers map[Environment]ed25519.PublicKey

	// BaseURL replaces the environment's own: https, or http to a loopback
	// host; no userinfo, query or fragment.
	BaseURL string
	// RefreshRoute is the absolute URL of another server's refresh route,
	// the documented refreshRoute. Refreshes then go there, without the API
	// key, and it answers as handlers.Refresh does without OmitRefreshSecret. It
	// must not be a route that this client itself serves by handlers.Refresh, which
	// would wait for itself.
	RefreshRoute string
	// CallbackURL is where upstream's own pages end a sign-in. Empty means
	// upstream's callback page.
	CallbackURL string
	// HTTPClient replaces the client that calls upstream; begin with
	// [NewTransport] where its transport only wraps. Its timeout, its
	// redirect policy and its cookie jar are not used: every call has its own
	// timeout, and no redirect is followed, since the API key must not travel.
	HTTPClient *http.Client
	// Timeout bounds one call to upstream, the fetch of the keys included.
	// 0 means 10 s.
	Timeout time.Duration
	// AppID and ExtensionID are sent as x-app-identifier and x-extension-id.
	AppID       string
	ExtensionID string

	// Audience is what a JWT's "aud" must contain. Empty means the project ID.
	Audience string
	// Issuer is what a JWT's "iss" must be. Empty means any: the issuers in
	// use are not documented.
	Issuer string
	// Leeway is how far upstream's clock may be ahead of this machine's: a
	// JWT is taken that long before its "nbf". Its "exp" gets no leeway: an
	// early end costs one refresh. 0 means 30 s; at most 5 min.
	Leeway time.Duration

	// KeysRefreshAfter is the age at which the signing keys are fetched again
	// in the background. 0 means 10 min.
	KeysRefreshAfter time.Duration
	// KeysMaxAge is the age up to which keys are trusted while no newer ones
	// can be fetched. 0 means 72 h: a weekend.
	KeysMaxAge time.Duration
	// Logger receives warnings about keys. nil means slog.Default().
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

// check fills defaults in and returns the checked parts, or all faults.
func (c *Config) check() (apiKey, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("crossmint: "+format, args...)) }

	key, err := parseAPIKey(c.APIKey.Reveal(), keyRules{c.AllowClientKey, c.RequireEnvironment, mergeSigners(c.Signers)})
	if err != nil {
		faults = append(faults, err)
	}
	if c.BaseURL == "" {
		c.BaseURL = key.environment.baseURL()
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if err := checkURL(c.BaseURL); err != nil {
		fault("BaseURL: %w", err)
	}
	if c.RefreshRoute != "" {
		if err := checkURL(c.RefreshRoute); err != nil {
			fault("RefreshRoute: %w", err)
		}
	}
	if c.CallbackURL == "" {
		c.CallbackURL = c.BaseURL + authPrefix + "/callback"
	} else if err := checkURL(c.CallbackURL); err != nil {
		fault("CallbackURL: %w", err)
	}
	if c.Audience == "" {
		c.Audience = key.projectID
	}
	if !plainHeaderValue(c.AppID) {
		fault("AppID: not a header value")
	}
	if !plainHeaderValue(c.ExtensionID) {
		fault("ExtensionID: not a header value")
	}
	c.Timeout = or(c.Timeout, defaultTimeout)
	c.Leeway = or(c.Leeway, defaultLeeway)
	c.KeysRefreshAfter = or(c.KeysRefreshAfter, defaultKeysRefreshAfter)
	c.KeysMaxAge = or(c.KeysMaxAge, defaultKeysMaxAge)
	if c.Timeout < 0 || c.KeysRefreshAfter < 0 || c.KeysMaxAge < 0 || c.Leeway < 0 {
		fault("a duration is negative")
	}
	if c.Leeway > maxLeeway {
		fault("Leeway is above %v", maxLeeway)
	}
	if c.KeysMaxAge < c.KeysRefreshAfter {
		fault("KeysMaxAge is below KeysRefreshAfter")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return key, errors.Join(faults...)
}

// or returns the default for the zero value.
func or(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// checkURL accepts absolute https URLs, and http ones to this machine, that
// carry nothing but a host and a path.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("not a URL") // url.Parse's error repeats the text, userinfo included
	}
	switch {
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("must be an absolute URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must be https, or http to a loopback host")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("plain http is for loopback hosts only: the API key would be readable on the way")
	case u.User != nil:
		return errors.New("must not hold userinfo")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return errors.New("must not hold a query or a fragment")
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func plainHeaderValue(value string) bool {
	return len(value) <= maxHeaderValueBytes && !strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r > 0x7e })
}
