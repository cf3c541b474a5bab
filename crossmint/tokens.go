package crossmint

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/session"
)

var _ interface {
	session.Upstream
	session.SharedDenier
} = (*Client)(nil)

// Verify judges a JWT, the documented verifyCrossmintJwt. It makes no call
// while the key that the JWT names is known. The errors are those that
// [session.Upstream] names: session.ErrJWTExpired together with the Token,
// session.ErrUnavailable when the keys are out of reach, else
// session.ErrJWTInvalid with the reason.
func (c *Client) Verify(ctx context.Context, jwt string) (session.Token, error) {
	token, _, err := c.Judge(ctx, jwt, false)
	return token, err
}

// Judge is [Client.Verify] for the session.Manager, which asks here and not
// there: it tells when the JWT was judged, too, in milliseconds since 1970. Fresh
// says that the JWT comes from upstream's own answer, and not from a browser.
func (c *Client) Judge(ctx context.Context, jwt string, fresh bool) (session.Token, int64, error) {
	claims, at, err := c.verifier.Verify(ctx, jwt, fresh)
	return session.Token(claims), at, verdict(err)
}

// Keys is a set of signing keys for [Client.VerifyWith]. The zero value holds
// none.
type Keys struct{ set *verify.KeySet }

// ParseKeys reads a JWK set (RFC 7517). Keys that are unknown, weak or not
// for signatures are left out; it is an error if none remains.
func ParseKeys(jwks []byte) (*Keys, error) {
	set, err := verify.ParseKeySet(jwks)
	if err != nil {
		return nil, fmt.Errorf("crossmint: %w", err)
	}
	return &Keys{set}, nil
}

// VerifyWith is [Client.Verify] by the given keys alone; nil: there are none. It
// makes no call and does not know of logouts.
func (c *Client) VerifyWith(keys *Keys, jwt string) (session.Token, error) {
	if keys == nil {
		keys = &Keys{}
	}
	claims, err := c.verifier.VerifyWith(keys.set, jwt)
	return session.Token(claims), verdict(err)
}

// Deny makes Verify reject the JWT until it expires, in this process.
func (c *Client) Deny(ctx context.Context, jwt string) { _, _, _ = c.DenyShared(ctx, jwt) }

// DenyShared is [Client.Deny], and returns by what and until when other
// processes deny the JWT with [Client.DenyDigest]. Ok is false where there is
// nothing to share: the JWT is false or over, or no known key can judge it.
func (c *Client) DenyShared(ctx context.Context, jwt string) (digest [sha256.Size]byte, until time.Time, ok bool) {
	return c.verifier.Deny(ctx, jwt)
}

// DenyDigest makes Verify reject the JWT whose signed part has this SHA-256,
// in this process. Give it only what [Client.DenyShared] has returned: the
// list is bounded.
func (c *Client) DenyDigest(digest [sha256.Size]byte, until time.Time) {
	c.verifier.DenyDigest(digest, until)
}

// verdict puts the kernel's into the domain's words.
func verdict(err error) error {
	if err == nil {
		return nil
	}
	return unfavourable(err)
}

func unfavourable(err error) error {
	switch {
	case errors.Is(err, verify.ErrExpired):
		return session.ErrJWTExpired
	case errors.Is(err, verify.ErrCannotTell):
		return &session.UpstreamError{Kind: session.Unavailable, Op: "keys", Err: err}
	case errors.Is(err, verify.ErrNotYet):
		return fmt.Errorf("%w: %w: %w", session.ErrJWTInvalid, session.ErrJWTNotYet, err)
	case errors.Is(err, verify.ErrDenied):
		return fmt.Errorf("%w: %w", session.ErrJWTInvalid, session.ErrLoggedOut)
	case errors.Is(err, verify.ErrUnknownKey):
		return fmt.Errorf("%w: %w: %w", session.ErrJWTInvalid, session.ErrJWTKeyUnknown, err)
	default:
		return fmt.Errorf("%w: %w", session.ErrJWTInvalid, err)
	}
}

// Refresh exchanges a refresh token, or the one-time secret of a login, for a
// new session. It makes one call; the session.Manager knows when to make
// another. What it returns is checked for its form only: verify the JWT.
func (c *Client) Refresh(ctx context.Context, token session.Secret) (*session.Grant, error) {
	const op = "refresh"
	r := request{op: op, method: http.MethodPost, url: c.config.BaseURL + authPrefix + "/refresh", body: refreshBody(token)}
	member := "refresh"
	if c.config.RefreshRoute != "" {
		r.url, r.keyless, r.route, member = c.config.RefreshRoute, true, true, "refreshToken"
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
		op: "logout", method: http.MethodPost, url: c.config.BaseURL + authPrefix + "/logout", body: refreshBody(token),
	})
	return err
}

func refreshBody(token session.Secret) []byte {
	body, _ := json.Marshal(map[string]string{"refresh": token.Reveal()}) // a map of strings always marshals
	return body
}

// parseGrant reads the answer of a refresh: upstream calls the token's member
// "refresh", a refresh route "refreshToken".
func parseGrant(body []byte, member string) (*session.Grant, error) {
	grant := &session.Grant{ReceivedAt: time.Now()}
	err := strictjson.Object(body, func(name []byte, value strictjson.Value) error {
		switch string(name) {
		case "jwt":
			text, _ := value.Text()
			grant.JWT = session.NewSecret(text)
		case member:
			if !value.IsObject() {
				return errIncomplete
			}
			return parseRefreshToken(value, &grant.RefreshToken)
		case "user":
			return parseUser(value, &grant.User)
		}
		return nil
	})
	if err == nil && (grant.JWT.IsZero() || grant.RefreshToken.Secret.IsZero() || grant.User.ID == "") {
		err = errIncomplete
	}
	return grant, err
}

// parseRefreshToken reads {"secret","expiresAt"}. A token whose end cannot be
// read still works, so only a missing secret is a fault.
func parseRefreshToken(value strictjson.Value, token *session.RefreshToken) error {
	return strictjson.Object(value, func(name []byte, value strictjson.Value) error {
		text, _ := value.Text()
		switch string(name) {
		case "secret":
			token.Secret = session.NewSecret(text)
		case "expiresAt":
			token.ExpiresAtText = text
		}
		return nil
	})
}

func parseUser(value strictjson.Value, user *session.User) error {
	if !value.IsObject() || json.Unmarshal(value, user) != nil {
		return errIncomplete // the library's error repeats the content
	}
	// encoding/json takes "ID" for "id", too, and of both the later one.
	if id, err := textMember("", value, "id"); err != nil || id != user.ID {
		return errIncomplete
	}
	return nil
}
