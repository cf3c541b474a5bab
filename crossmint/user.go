package crossmint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/internal/ttlmap"
	"github.com/crossmint-go/auth/session"
)

const (
	// maxUserIDBytes is far above real user IDs, which have 36 bytes.
	maxUserIDBytes = 256
	// userTTL is the time for which a user is cached: a page that shows the user's
	// name calls upstream once, and not for each of its requests.
	userTTL = 30 * time.Second
	// maxUsers and maxCachedUserBytes bound the cache to some 4 MiB.
	maxUsers           = 1 << 10
	maxCachedUserBytes = 4 << 10
)

// userCache holds the users of the last userTTL, by their ID.
type userCache struct {
	mu    sync.Mutex // guards users
	users *ttlmap.Map[string, session.User]
}

func newUserCache() *userCache {
	return &userCache{users: ttlmap.New[string, session.User](userTTL, maxUsers)}
}

func (c *userCache) get(id string) (user session.User, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	user, found = c.users.Get(id)
	user.JSON = bytes.Clone(user.JSON)
	return user, found
}

func (c *userCache) put(user session.User) {
	if len(user.JSON) > maxCachedUserBytes {
		return
	}
	user.JSON = bytes.Clone(user.JSON)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users.Put(user.ID, user)
}

var errOtherUser = errors.New("response is about another user")

// User returns the user with the given ID, like the documented getUser. It needs
// a server key with the scope users.read. An ID that upstream does not know is
// session.ErrRefused; one that cannot be a path segment of a URL causes no call.
//
// A user is cached for 30 s, up to 1,024 users. The user of a sign-in or a refresh is
// at hand without a call: see [session.Grant] and handlers.SignInConfig.OnSignIn.
func (c *Client) User(ctx context.Context, id string) (session.User, error) {
	const op = "user"
	// "." and ".." survive escaping and would name another endpoint.
	if id == "" || id == "." || id == ".." || len(id) > maxUserIDBytes {
		return session.User{}, fmt.Errorf("%w: not a user ID", errInvalidArgument)
	}
	if user, found := c.users.get(id); found {
		return user, nil
	}
	body, err := c.call(ctx, request{op: op, method: http.MethodGet, url: c.config.BaseURL + apiPrefix + "/sdk/auth/user/" + url.PathEscape(id)})
	if err != nil {
		return session.User{}, err
	}
	user, err := parseUserResponse(body)
	if err == nil && user.ID != id {
		err = errOtherUser
	}
	if err != nil {
		return session.User{}, malformed(op, err)
	}
	c.users.put(user)
	return user, nil
}

// parseUserResponse reads a user. Older builds of upstream wrap it in
// {"user":…}.
func parseUserResponse(body []byte) (session.User, error) {
	object := strictjson.Value(bytes.Trim(body, " \t\r\n"))
	err := readObject(body, func(name []byte, value strictjson.Value) error {
		if string(name) == "user" && value.IsObject() {
			object = value
		}
		return nil
	})
	if err != nil {
		return session.User{}, err
	}
	var user session.User
	err = parseUser(object, &user)
	return user, err
}

// parseUser reads a user object and keeps a copy of it, up to MaxUserBytes. Only
// the ID is required. Other members may have any type.
func parseUser(value strictjson.Value, user *session.User) error {
	if !value.IsObject() {
		return errIncomplete
	}
	err := readObject(value, func(name []byte, value strictjson.Value) error {
		content, _ := value.AsString()
		switch string(name) {
		case "id":
			user.ID = content
		case "email":
			user.Email = content
		case "phoneNumber":
			user.PhoneNumber = content
		}
		return nil
	})
	if err == nil && user.ID == "" {
		err = errIncomplete
	}
	if len(value) <= bounds.MaxUserBytes {
		user.JSON = bytes.Clone(value)
	}
	return err
}
