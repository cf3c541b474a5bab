package model_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crossmint-go/auth/session"
)

// reusePolicy is what upstream does with a used token.
type reusePolicy string

const (
	rejects  reusePolicy = "rejects"
	revokes  reusePolicy = "revokes"
	forgives reusePolicy = "forgives"
)

// Tokens have the numbers of the model.
const (
	firstOfBen = 4 // the one-time secret of his sign-in
	lastOfAnn  = 3
	lastOfBen  = 5
)

const jwtLifetime = time.Minute

func familyOf(token int) int {
	if token >= firstOfBen {
		return 1
	}
	return 0
}

func userOf(token int) string { return [...]string{"ann", "ben"}[familyOf(token)] }

func secretOf(token int) string { return "token-" + strconv.Itoa(token) }

// numberOf returns the number of a token, or 0.
func numberOf(secret string) int {
	number, _ := strconv.Atoi(strings.TrimPrefix(secret, "token-"))
	return number
}

// call is one refresh in flight.
type call struct {
	grant  *session.Grant
	err    error
	landed chan struct{}
}

// upstream is the upstream of the model. Each refresh waits for two steps: receive or
// fail, and land.
type upstream struct {
	policy reusePolicy

	mu      sync.Mutex // guards all below
	newest  [2]int
	revoked [2]bool
	usedAt  map[int]time.Time
	grants  map[int]*session.Grant
	calls   map[[2]int]*call // by instance and token
}

func newUpstream(policy reusePolicy) *upstream {
	return &upstream{
		policy: policy, newest: [2]int{1, firstOfBen},
		usedAt: map[int]time.Time{}, grants: map[int]*session.Grant{}, calls: map[[2]int]*call{},
	}
}

// expiredGrant returns the grant of a token whose JWT has expired.
func (u *upstream) expiredGrant(token int) *session.Grant {
	return newGrant(token, time.Now().Add(-time.Second))
}

func newGrant(token int, expiresAt time.Time) *session.Grant {
	claims := fmt.Sprintf(`{"sub":%q,"exp":%d,"n":%d}`, userOf(token), expiresAt.Unix(), token)
	return &session.Grant{
		JWT:          session.NewSecret("h." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s"),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(secretOf(token))},
		User:         session.User{ID: userOf(token)},
		ReceivedAt:   time.Now(),
	}
}

// accepts reports whether upstream accepts a token now.
func (u *upstream) acceptsLocked(token int) bool {
	at, used := u.usedAt[token]
	lately := u.policy == forgives && used && time.Since(at) < jwtLifetime
	return !u.revoked[familyOf(token)] && (u.newest[familyOf(token)] == token || lately)
}

// receive makes upstream decide about the refresh of an instance with a token.
func (u *upstream) receive(at, token int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c, family := u.calls[[2]int{at, token}], familyOf(token)
	isNewest := u.newest[family] == token
	switch {
	case !u.acceptsLocked(token):
		u.revoked[family] = u.revoked[family] || u.policy == revokes
		c.err = &session.UpstreamError{Kind: session.ErrRefused, Op: "refresh", Status: http.StatusUnauthorized}
	case isNewest && (token == lastOfAnn || token == lastOfBen):
		c.err = unavailable()
	case isNewest:
		u.newest[family], u.usedAt[token] = token+1, time.Now()
		u.grants[token+1] = newGrant(token+1, time.Now().Add(jwtLifetime))
		fallthrough
	default:
		grant := *u.grants[u.newest[family]]
		c.grant = &grant
	}
}

func unavailable() error {
	return &session.UpstreamError{Kind: session.ErrUnavailable, Op: "refresh", Status: http.StatusServiceUnavailable}
}

func (u *upstream) fail(at, token int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls[[2]int{at, token}].err = unavailable()
}

// land delivers the result of a refresh.
func (u *upstream) land(at, token int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	key := [2]int{at, token}
	close(u.calls[key].landed)
	delete(u.calls, key)
}

// inFlight names the running refreshes by instance and token.
func (u *upstream) inFlight() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var names []string
	for key := range u.calls {
		names = append(names, fmt.Sprintf("%d.%d", key[0], key[1]))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// close ends all refreshes.
func (u *upstream) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, c := range u.calls {
		c.err = unavailable()
		close(c.landed)
		delete(u.calls, key)
	}
}

func (u *upstream) instance(at int) session.Upstream {
	return &instanceUpstream{upstream: u, at: at, verified: map[string]*session.Token{}}
}

// instanceUpstream is the upstream as an instance sees it.
type instanceUpstream struct {
	*upstream
	at int

	tokensMu sync.Mutex // guards verified
	verified map[string]*session.Token
}

var _ session.Upstream = (*instanceUpstream)(nil)

// Verify implements [session.Upstream].
func (u *instanceUpstream) Verify(_ context.Context, jwt string, now time.Time) (*session.Token, error) {
	u.tokensMu.Lock()
	defer u.tokensMu.Unlock()
	token, known := u.verified[jwt]
	if !known {
		var err error
		if token, err = parse(jwt); err != nil {
			return nil, err
		}
		u.verified[jwt] = token
	}
	if !now.Before(token.ExpiresAt) {
		return token, session.ErrJWTExpired
	}
	return token, nil
}

func parse(jwt string) (*session.Token, error) {
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(jwt, "h."), ".s"))
	if err != nil {
		return nil, errors.Join(session.ErrJWTInvalid, err)
	}
	var user string
	var expiresAt int64
	if _, err := fmt.Sscanf(string(payload), `{"sub":%q,"exp":%d`, &user, &expiresAt); err != nil {
		return nil, errors.Join(session.ErrJWTInvalid, err)
	}
	return &session.Token{JWT: session.NewSecret(jwt), UserID: user, ExpiresAt: time.Unix(expiresAt, 0)}, nil
}

// VerifyReceived implements [session.Upstream].
func (u *instanceUpstream) VerifyReceived(ctx context.Context, jwt string) (*session.Token, error) {
	return u.Verify(ctx, jwt, time.Now())
}

// Refresh implements [session.Upstream].
func (u *instanceUpstream) Refresh(_ context.Context, token session.Secret) (*session.Grant, error) {
	c := &call{landed: make(chan struct{})}
	u.mu.Lock()
	u.calls[[2]int{u.at, numberOf(token.Reveal())}] = c
	u.mu.Unlock()
	<-c.landed
	return c.grant, c.err
}

// Logout implements [session.Upstream]. A logout of the browser waits for its step;
// those that the instance sends by itself don't.
func (u *instanceUpstream) Logout(ctx context.Context, secret session.Secret) error {
	if t, ok := ctx.Value(tabKey{}).(*tab); ok && t.isLogout {
		<-t.release
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	token := numberOf(secret.Reveal())
	if u.acceptsLocked(token) {
		u.revoked[familyOf(token)] = true
	}
	return nil
}
