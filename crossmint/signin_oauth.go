package crossmint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/internal/netutil"
)

const (
	maxProviderBytes  = 32
	maxAppSchemaBytes = 256
	// maxOAuthURLBytes is a common limit of proxies for a URL.
	maxOAuthURLBytes = 8 << 10
)

var errOAuthURL = errors.New("oauthUrl is not an https URL")

// StartOAuth returns the URL at which a user signs in at another site. Redirect
// the browser to it. The URL is for that user alone: do not log it.
//
// The provider is a path segment of lower-case letters, digits, "-" and "_".
// Crossmint's own clients offer "google" and "twitter"; upstream refuses those
// that it does not know. The appSchema is the URL scheme of a native app that
// the sign-in returns to. It is empty for web pages, and is then not sent. An
// argument of another form causes no call.
//
// After the sign-in, upstream's callback page passes a one-time secret to the
// page that opened it, in a message. It is not documented how the secret gets to a
// server: the page has to send it, for example to FinishOAuth of handlers.SignIn, where
// the message is described. Nor is it confirmed that the real service accepts a server
// key here.
func (c *Client) StartOAuth(ctx context.Context, provider, appSchema string) (*url.URL, error) {
	const op = "start OAuth"
	switch {
	case !validProvider(provider):
		return nil, fmt.Errorf("%w: not an OAuth provider", errInvalidArgument)
	case len(appSchema) > maxAppSchemaBytes:
		return nil, fmt.Errorf("%w: appSchema is above %d bytes", errInvalidArgument, maxAppSchemaBytes)
	}
	address := c.config.BaseURL + authPrefix + "/social/" + provider + "/start"
	if appSchema != "" {
		address += "?" + url.Values{"appSchema": {appSchema}}.Encode()
	}
	res, err := c.call(ctx, request{op: op, method: http.MethodGet, url: address})
	if err != nil {
		return nil, err
	}
	raw, err := stringMember(op, res, "oauthUrl")
	if err != nil {
		return nil, err
	}
	return parseOAuthURL(op, raw)
}

func validProvider(provider string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	return provider != "" && len(provider) <= maxProviderBytes && strings.Trim(provider, allowed) == ""
}

// parseOAuthURL accepts only a URL that opens a site: https without userinfo,
// which could hide the host, or http to a loopback host as in [Config.BaseURL].
func parseOAuthURL(op, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxOAuthURLBytes || u.Hostname() == "" || u.User != nil ||
		u.Scheme != "https" && (u.Scheme != "http" || !netutil.IsLoopback(u.Hostname())) {
		return nil, malformed(op, errOAuthURL) // the library's error repeats the URL
	}
	return u, nil
}
