package main

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/crossmint"
)

// The controls are pages that do parts of what ours does, so that one can see
// what the rest costs. Neither is fit for use.

// carried is a request that carries its user's ID in its context, and as large
// as what ours allocates for a request.
type carried struct {
	request         http.Request
	context.Context // the request's own
	userID          string
	_               [10]*int // ours has the session and its secrets there
}

type userKey struct{}

func (c *carried) Value(key any) any {
	if key == (userKey{}) {
		return &c.userID // a string would be allocated
	}
	return c.Context.Value(key)
}

// carry answers with the page of a user whose ID a copy of r has carried there,
// and with the header Vary.
func carry(w http.ResponseWriter, r *http.Request, userID string) {
	w.Header()["Vary"] = varyCookie
	c := &carried{Context: r.Context(), userID: userID}
	c.request = *r.WithContext(c)
	inside, ok := c.request.Context().Value(userKey{}).(*string)
	if !ok {
		refuse(w)
		return
	}
	page(w, &c.request, *inside)
}

var varyCookie = []string{"Cookie"}

// buildCopying returns the page behind what nobody can do without who puts a
// session into the context. It looks at nothing.
func buildCopying(_ context.Context, s settings) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { carry(w, r, s.UserID) }), nil
}

// least is the page behind the least that remembers a verified JWT: one function
// that knows one. It reads the header and the clock, compares the whole JWT, and
// knows nothing of bounds, keys, logouts, refreshes or a second user.
type least struct {
	client *crossmint.Client
	known  atomic.Pointer[known]
}

// known is a JWT that was verified, and when it ends, in seconds since 1970.
type known struct {
	jwt, userID string
	end         int64
}

func buildLeast(ctx context.Context, s settings) (http.Handler, error) {
	k, err := newKit(ctx, s)
	if err != nil {
		return nil, err
	}
	return &least{client: k.client}, nil
}

func (l *least) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var jwt, refresh string
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			switch name, value, _ := strings.Cut(strings.TrimPrefix(pair, " "), "="); name {
			case jwtCookie:
				jwt = value
			case refreshCookie:
				refresh = value
			}
		}
	}
	k := l.known.Load()
	if k == nil || k.jwt != jwt {
		k = l.verified(r.Context(), jwt)
	}
	if k == nil || refresh == "" || k.end <= time.Now().Unix() {
		refuse(w)
		return
	}
	carry(w, r, k.userID)
}

// verified has a JWT verified and remembers it instead of the one before. It
// returns nil for one that is not valid.
func (l *least) verified(ctx context.Context, jwt string) *known {
	token, err := l.client.Verify(ctx, jwt)
	if err != nil {
		return nil
	}
	k := &known{strings.Clone(jwt), token.UserID, token.ExpiresAt}
	l.known.Store(k)
	return k
}
