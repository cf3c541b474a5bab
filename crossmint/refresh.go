package crossmint

import (
	"context"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/session"
)

// Refresh exchanges a refresh token, or the one-time secret of a sign-in, for a
// new session. It makes one call; the session.Manager decides about retries. It
// checks only the form of the response: verify the JWT with
// [Client.VerifyReceived].
func (c *Client) Refresh(ctx context.Context, token session.Secret) (*session.Grant, error) {
	const op = "refresh"
	r := request{op: op, method: http.MethodPost, url: c.config.BaseURL + authPrefix + "/refresh", body: map[string]string{"refresh": token.Reveal()}}
	member := "refresh"
	if c.config.RefreshRoute != "" {
		r.url, r.noAPIKey, member = c.config.RefreshRoute, true, "refreshToken"
	}
	body, err := c.call(ctx, r)
	if err != nil {
		return nil, err
	}
	grant, err := parseGrant(body, member)
	if err != nil {
		return nil, malformed(op, err)
	}
	return grant, nil
}

// Logout revokes a refresh token, in one call.
func (c *Client) Logout(ctx context.Context, token session.Secret) error {
	_, err := c.call(ctx, request{
		op: "logout", method: http.MethodPost, url: c.config.BaseURL + authPrefix + "/logout", body: map[string]string{"refresh": token.Reveal()},
	})
	return err
}

// parseGrant reads the response to a refresh. Upstream names the refresh token
// "refresh", a refresh route names it "refreshToken". Only its secret is required
// here: it alone can renew the session, so the manager keeps it even if the rest
// of the response is of no use. Other members may have any value: for example, a
// name that was cut inside an emoji, which JavaScript writes as a lone surrogate.
func parseGrant(body []byte, member string) (*session.Grant, error) {
	grant := &session.Grant{ReceivedAt: time.Now()}
	err := readObject(body, func(name []byte, value strictjson.Value) error {
		switch string(name) {
		case "jwt":
			jwt, _ := value.AsString()
			grant.JWT = session.NewSecret(jwt)
		case member:
			if value.IsObject() {
				return parseRefreshToken(value, &grant.RefreshToken)
			}
		case "user":
			// A missing ID does not match the JWT: the manager finds that out.
			if err := parseUser(value, &grant.User); !errors.Is(err, errIncomplete) {
				return err
			}
		}
		return nil
	})
	if err == nil && grant.RefreshToken.Secret.IsZero() {
		err = errIncomplete
	}
	return grant, err
}

// readObject is strictjson.Object, except that values may contain lone surrogates, and
// objects in them duplicate names.
func readObject(data []byte, member func(name []byte, value strictjson.Value) error) error {
	if !utf8.Valid(data) {
		return errNotJSON
	}
	return strictjson.Outer(data, member)
}

// parseRefreshToken reads {"secret","expiresAt"}. A token without a readable
// expiry still works, so only the secret is required.
func parseRefreshToken(value strictjson.Value, token *session.RefreshToken) error {
	return strictjson.Object(value, func(name []byte, value strictjson.Value) error {
		content, _ := value.AsString()
		switch string(name) {
		case "secret":
			token.Secret = session.NewSecret(content)
		case "expiresAt":
			token.ExpiresAt = content
		}
		return nil
	})
}
