package crossmint

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// An OAuthProvider is a site that signs users in: a path segment of lower-case
// letters, digits, - and _. Those named here are known to exist; upstream
// refuses what it does not know.
type OAuthProvider string

// The providers that Crossmint's own clients offer.
const (
	Google  OAuthProvider = "google"
	Twitter OAuthProvider = "twitter"
)

const (
	maxProviderBytes  = 32
	maxAppSchemaBytes = 256
	// maxOAuthURLBytes is what servers on the way take for a URL.
	maxOAuthURLBytes = 8 << 10
)

// ErrOAuthProvider reports a provider that cannot be one path segment of a
// URL, or an appSchema that is too long.
var ErrOAuthProvider = errors.New("crossmint: not an OAuth provider or app schema")

var errOAuthURL = errors.New("oauthUrl is not an https URL")

// StartOAuth returns the URL at which a user signs in with another site: send
// the browser there. It is for that user alone and belongs in no log.
//
// appSchema is the URL scheme of a native app to come back to; empty, as for
// web pages, it is not sent. Afterwards upstream's own callback page hands a
// one-time secret to the page that opened it. How it gets from there to a
// server is not documented: a page has to send it, for example to the refresh
// handler. Nor has it been confirmed that a server key is taken here.
func (c *Client) StartOAuth(ctx context.Context, provider OAuthProvider, appSchema string) (*url.URL, error) {
	const op = "start OAuth"
	if !plainProvider(provider) || len(appSchema) > maxAppSchemaBytes {
		return nil, ErrOAuthProvider
	}
	address := c.config.BaseURL + authPrefix + "/social/" + string(provider) + "/start"
	if appSchema != "" {
		address += "?" + url.Values{"appSchema": {appSchema}}.Encode()
	}
	answer, err := c.call(ctx, request{op: op, method: http.MethodGet, url: address})
	if err != nil {
		return nil, err
	}
	text, err := textMember(op, answer, "oauthUrl")
	if err != nil {
		return nil, err
	}
	return parseOAuthURL(op, text)
}

func plainProvider(provider OAuthProvider) bool {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	return provider != "" && len(provider) <= maxProviderBytes && strings.Trim(string(provider), plain) == ""
}

// parseOAuthURL takes no URL that would do anything in a browser but go to a
// site: no other scheme, no userinfo that hides the host. Plain http is for
// loopback hosts, as in [Config.BaseURL].
func parseOAuthURL(op, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxOAuthURLBytes || u.Hostname() == "" || u.User != nil ||
		u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, malformed(op, errOAuthURL) // the library's error repeats the text
	}
	return u, nil
}
