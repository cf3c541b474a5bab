package crossmint

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/session"
)

// maxUserIDBytes is far above real user IDs, which have 36 bytes.
const maxUserIDBytes = 256

// ErrUserID reports an ID that cannot be one path segment of a URL.
var ErrUserID = errors.New("crossmint: not a user ID")

// User returns the user with the given ID, the documented getUser. It needs a
// server key with the scope users.read. An ID that upstream does not know is
// an error that is session.ErrRefused.
func (c *Client) User(ctx context.Context, id string) (session.User, error) {
	const op = "user"
	// "." and ".." survive escaping and would name another endpoint.
	if id == "" || id == "." || id == ".." || len(id) > maxUserIDBytes {
		return session.User{}, ErrUserID
	}
	body, err := c.call(ctx, request{op: op, method: http.MethodGet, url: c.config.BaseURL + apiPrefix + "/sdk/auth/user/" + url.PathEscape(id)})
	if err != nil {
		return session.User{}, err
	}
	user, err := parseUserAnswer(body)
	if err != nil {
		return session.User{}, malformed(op, err)
	}
	if user.ID != id {
		return session.User{}, malformed(op, errors.New("answer is about another user"))
	}
	return user, nil
}

// parseUserAnswer reads a user, bare or wrapped in {"user":…} as older builds
// of upstream answer.
func parseUserAnswer(body []byte) (session.User, error) {
	var user session.User
	wrapped := false
	err := strictjson.Object(body, func(name []byte, value strictjson.Value) error {
		if string(name) == "user" && value.IsObject() {
			wrapped = true
			return parseUser(value, &user)
		}
		return nil
	})
	if err == nil && !wrapped {
		err = parseUser(bytes.TrimLeft(body, " \t\r\n"), &user)
	}
	return user, err
}
