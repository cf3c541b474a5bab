package session

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/session/event"
)

// An AuthSession is a signed-in user, as a handler reads it with
// [FromContext]. Treat it as read-only: everything that handles the request
// shares it. It may be kept for longer than the request.
type AuthSession struct {
	// UserID is the verified claim "sub" of the JWT.
	UserID string
	// JWT is the verified token. Other Crossmint APIs accept it.
	JWT Secret
	// RefreshToken is the token that will renew the session. It is empty for
	// a session that came from a JWT alone.
	RefreshToken RefreshToken
	// IssuedAt and ExpiresAt are the claims "iat" and "exp" of the JWT
	// (RFC 7519 §4.1). IssuedAt is zero where the JWT has no "iat". The session
	// goes on after ExpiresAt: the refresh token renews it.
	IssuedAt, ExpiresAt time.Time

	// token remembers the decoded claims. It is nil for a session that was
	// not made by a Manager.
	token *Token
}

// A RefreshToken renews a session. Upstream accepts each one once.
type RefreshToken struct {
	Secret Secret
	// ExpiresAt is the end of the token's life as upstream wrote it (RFC 3339).
	// It is empty where the token was read from a cookie.
	ExpiresAt string
}

// A Grant is the response of upstream to a refresh token or a one-time secret.
type Grant struct {
	JWT          Secret
	RefreshToken RefreshToken
	User         User
	// ReceivedAt is the time at which the response arrived. A JWT that could
	// not be verified then is verified later, as of that time.
	ReceivedAt time.Time

	// token is the verified JWT; nil while nothing in this process has
	// verified it.
	token *Token
	// successorKey is the key of RefreshToken, made by the hasher that keyedBy names.
	// nil: not made yet.
	successorKey tokenKey
	keyedBy      *hasher
	// delivered is Shared.Delivered of a fleet's grant.
	delivered func()
}

// A User is a Crossmint user.
type User struct {
	ID          string `json:"id"`
	Email       string `json:"email,omitempty"`
	PhoneNumber string `json:"phoneNumber,omitempty"`
	// JSON is the object that upstream sent, with all its members. It is nil
	// for a user that did not come from upstream.
	JSON json.RawMessage `json:"-"`
}

// A Token is a correctly signed JWT. An [Upstream] should return the same
// Token each time it verifies the same JWT, because the Token remembers decoded
// claims. A Token must not be copied.
type Token struct {
	JWT    Secret
	UserID string // the claim "sub"
	// IssuedAt and ExpiresAt are the claims "iat" and "exp". IssuedAt is zero
	// where the JWT has no "iat".
	IssuedAt, ExpiresAt time.Time

	decoded atomic.Pointer[decodedClaims]
	// notDenied is the version of the deny list that is known not to contain
	// this token.
	notDenied atomic.Uint64
}

// Material is the credentials that a request presents. A cookie codec reads it
// from a request. The zero value is a request without credentials.
type Material struct {
	// JWT and RefreshToken are the preferred pair. Either may be empty.
	JWT, RefreshToken Secret
	// Others are further pairs, the preferred ones first.
	Others []Pair
	// RefusedAt is the time at which upstream has first refused the refresh
	// tokens of the request, as the marker cookie tells. Zero without a marker.
	RefusedAt time.Time
	// Incomplete reports that the request brought more cookies than were read.
	// Then an unread one may be good, and no cookie is deleted.
	Incomplete bool
	// SkipEarlyRefresh renews only what has expired. It is for requests whose
	// response may not carry cookies, for example a WebSocket handshake.
	SkipEarlyRefresh bool
	// EarlyData reports that the request came in TLS early data, which others can
	// send again (RFC 8470 §3). A session that needs a refresh gives an error with
	// [UpstreamError.TooEarly].
	EarlyData bool
}

// A Pair is a JWT and a refresh token that were stored together. Either may be
// empty.
type Pair struct{ JWT, RefreshToken Secret }

// maxPairs bounds the pairs of one request, and so the signature checks that it
// can cause.
const maxPairs = 8

// A Result is the decision of [Manager.Authenticate] or [Manager.Refresh].
type Result struct {
	// Session is the user's session. It is nil exactly when there is an error.
	Session *AuthSession
	// Renewed has to be stored with the user, if it is not nil.
	Renewed *Renewal
	// Stale marks a session whose JWT has expired while upstream is
	// unavailable. It must not open anything; see Config.StaleFor.
	Stale bool

	outcome *outcome
}

// Check returns an error if what was decided must not reach the browser any more:
// [ErrLoggedOut] if the user has logged out meanwhile, or has signed in anew in the
// same browser; an error that is [ErrUnavailable] if the browser has got a later
// session, from the response to another request. Call it when the response header is
// about to be written. On an error the response must neither set nor delete cookies.
func (r *Result) Check() error {
	if r.Renewed != nil {
		return r.Renewed.check()
	}
	if r.outcome == nil || r.outcome.failure == nil {
		return nil
	}
	for _, token := range r.outcome.failure.rejected {
		if r.outcome.manager.coordinator.isLoggedOut(token) {
			return ErrLoggedOut
		}
	}
	return nil
}

// A Renewal is a session that was refreshed.
type Renewal struct {
	Grant *Grant
	// Used is the presented pair whose refresh token the Grant replaces. It is
	// empty where the token was not part of the Material.
	Used Pair
	// StartedAt is the time at which the request asked for the session.
	StartedAt time.Time

	manager   *Manager
	key       tokenKey    // of the grant in the coordinator
	token     *Token      // the JWT of the grant
	presented *Token      // nil unless the presented JWT is correctly signed
	replaced  []candidate // sessions that end with the delivery
}

func (r *Renewal) check() error {
	for _, token := range []*Token{r.token, r.presented} {
		if token != nil && r.manager.denied.check(token) != nil {
			return ErrLoggedOut
		}
	}
	if err := r.manager.coordinator.checkDelivery(r.key, r.Grant); err != nil {
		return err
	}
	err := r.manager.coordinator.checkDeliveryInFleet(r.Grant)
	if errors.Is(err, ErrLoggedOut) {
		r.manager.coordinator.inBackground(func() { r.manager.revokeGrant(r.manager.coordinator.stopped, r.Grant) })
	}
	return err
}

// Delivered tells the manager whether the response with the session's cookies has
// left. Call it with nil if it has, else with the reason, which becomes an event.
// Until a session is delivered, every request with the old refresh token gets it,
// for an hour at most; after the delivery for Config.Grace.
func (r *Renewal) Delivered(ctx context.Context, err error) {
	if err == nil {
		r.manager.coordinator.markDelivered(r.key)
		r.manager.endInBackground(ctx, r.replaced)
		return
	}
	e := event.Event{
		Outcome: event.NotDelivered, Op: "store", Err: err,
		UserID: r.Grant.User.ID, Token: r.manager.hasher.fingerprint(r.Grant.RefreshToken.Secret),
	}
	switch {
	case errors.Is(err, ErrMalformed): // it does not fit into a cookie
		e.Outcome = event.Unavailable
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.Outcome = event.Misconfigured
	}
	r.manager.report(ctx, e)
}
