package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/limit"
	"github.com/crossmint-go/auth/internal/ttlmap"
)

// Limits for refresh tokens without a signed JWT beside them. They may be forged.
const (
	// unsignedRate and unsignedBurst bound the rejected tokens per second and
	// at once.
	unsignedRate  = 10
	unsignedBurst = 50
	// unsignedInFlight bounds the calls that are with upstream at once.
	unsignedInFlight = 16
	// unsignedQueue bounds the requests that wait for such a call: a second's
	// worth of sign-ins at the highest rate that passes.
	unsignedQueue = 1000
)

// Limits for refresh tokens beside a signed JWT, for each user. Any user can get
// such a JWT, and must not take the capacity of all others with forged tokens
// beside it.
const (
	// userRate and userBurst bound the rejected tokens per second and at once.
	userRate  = 1
	userBurst = userInFlight
	// userInFlight bounds the calls at once, of refreshes and of logouts. A
	// browser makes one.
	userInFlight = 8
	// userQueue bounds the requests that wait for such a call.
	userQueue = 16
	// maxLimitedUsers bounds the memory: 25 MiB.
	maxLimitedUsers = 1 << 16
)

// withdrawnInFlight bounds the calls at once for tokens beside a JWT whose key
// upstream has withdrawn: enough for 500 users a second if upstream takes a
// second. A withdrawn key may be in wrong hands, which can sign JWTs of any number
// of users, so the rejected tokens share the rate of unsigned ones.
const withdrawnInFlight = 512

// Memory of the refresh tokens that upstream has sent to this process, of about
// 100 bytes each.
const (
	receivedTTL = 24 * time.Hour
	maxReceived = 1 << 17
)

// A caller tells on whose behalf a refresh token is sent.
type caller struct {
	// user is the "sub" of the correctly signed JWT beside the token, or "".
	user   string
	limits limitedUser
	// trusted reports that the token comes from upstream itself.
	trusted bool
}

// A limitedUser is the user whose limits apply to a refresh token. The zero value
// means that there is no signed JWT beside the token.
type limitedUser struct {
	id string
	// withdrawn reports that upstream has withdrawn the key of the JWT.
	withdrawn bool
}

// limiters bound the upstream calls that forged tokens can cause.
type limiters struct {
	timeout time.Duration // for a refresh that waits for its turn

	unsigned, withdrawn *limit.Bucket
	users               *limit.PerKey
	// Logouts use up no tokens, because upstream accepts forged ones, too.
	unsignedLogouts *limit.Bucket
	userLogouts     *limit.PerKey

	mu       sync.Mutex // guards received
	received *ttlmap.Map[tokenKey, struct{}]
}

// newLimiters returns limiters for requests that wait for their refresh for the
// given time. A quarter of it is left for upstream.
func newLimiters(requestTimeout time.Duration) *limiters {
	unsigned := limit.BucketConfig{Rate: unsignedRate, Burst: unsignedBurst, InFlight: unsignedInFlight, Queue: unsignedQueue}
	withdrawn := limit.BucketConfig{Rate: unsignedRate, Burst: withdrawnInFlight, InFlight: withdrawnInFlight, Queue: maxCalls}
	user := limit.BucketConfig{Rate: userRate, Burst: userBurst, InFlight: userInFlight, Queue: userQueue}
	return &limiters{
		timeout:  requestTimeout * 3 / 4,
		unsigned: limit.NewBucket(unsigned), withdrawn: limit.NewBucket(withdrawn), users: limit.NewPerKey(user, maxLimitedUsers),
		unsignedLogouts: limit.NewBucket(unsigned), userLogouts: limit.NewPerKey(user, maxLimitedUsers),
		received: ttlmap.New[tokenKey, struct{}](receivedTTL, maxReceived),
	}
}

// acquire waits for the turn of a refresh with the token of key. It returns false
// if the turn does not come in time. After true the caller must call release once.
func (l *limiters) acquire(ctx context.Context, c caller, key tokenKey) (release func(err error), ok bool) {
	if c.limits.id != "" && !c.limits.withdrawn && l.users.TryAcquire(c.limits.id) { // most refreshes
		return func(err error) { l.users.Release(c.limits.id, isRefundable(err)) }, true
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	switch {
	case c.trusted || l.isReceived(key):
		return func(error) {}, true
	case c.limits.id == "":
		return func(err error) { l.unsigned.Release(isRefundable(err)) }, l.unsigned.Acquire(ctx)
	case !l.users.Acquire(ctx, c.limits.id):
		return nil, false
	case !c.limits.withdrawn:
		return func(err error) { l.users.Release(c.limits.id, isRefundable(err)) }, true
	case !l.withdrawn.Acquire(ctx):
		l.users.Release(c.limits.id, true)
		return nil, false
	}
	return func(err error) {
		l.withdrawn.Release(isRefundable(err))
		l.users.Release(c.limits.id, isRefundable(err))
	}, true
}

// isRefundable reports whether a call with this result uses up no token of a
// limiter: upstream has accepted it, or sent no complete response.
func isRefundable(err error) bool {
	if err == nil {
		return true
	}
	var up *UpstreamError
	return !errors.As(err, &up) || up.kind() == ErrUnavailable && up.Status == 0 //nolint:errorlint // Kind is one of three sentinels
}

// acquireLogout waits for the turn of a logout, until ctx ends.
func (l *limiters) acquireLogout(ctx context.Context, c caller) (release func(), ok bool) {
	if c.limits.id == "" {
		return func() { l.unsignedLogouts.Release(true) }, l.unsignedLogouts.Acquire(ctx)
	}
	return func() { l.userLogouts.Release(c.limits.id, true) }, l.userLogouts.Acquire(ctx, c.limits.id)
}

// isReceived reports whether the token of key came from upstream to this process,
// and has not been used yet.
func (l *limiters) isReceived(key tokenKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, found := l.received.Get(key)
	return found
}

// record notes that upstream has accepted or refused the token of key. next is the
// key of the token that it has sent, if it has.
func (l *limiters) record(key tokenKey, next *tokenKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received.Delete(key)
	if next != nil {
		l.received.Put(*next, struct{}{})
	}
}
