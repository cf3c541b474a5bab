package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session/event"
)

// candidate is a presented pair with the verification of its JWT.
type candidate struct {
	Pair
	token *Token // nil unless the JWT is correctly signed
	err   error  // nil: valid
	// limits names the user for the limits, also of a JWT that is denied or
	// whose key upstream has withdrawn.
	limits limitedUser
}

var errNoJWT = errors.New("no JWT")

// verifyPair verifies the JWT of a pair at the present time, now. An oversize
// refresh token counts as absent.
func (m *Manager) verifyPair(ctx context.Context, p Pair, now time.Time) candidate {
	if p.RefreshToken.size > bounds.MaxRefreshTokenBytes {
		p.RefreshToken = Secret{}
	}
	if p.JWT.IsZero() {
		return candidate{Pair: p, err: errNoJWT}
	}
	c := candidate{Pair: p}
	c.token, c.err = m.upstream.Verify(ctx, p.JWT.Reveal(), now)
	if c.token == nil {
		return c
	}
	c.limits = limitedUser{c.token.UserID, errors.Is(c.err, ErrJWTKeyUnknown)}
	denied := m.denied.check(c.token)
	switch {
	case denied != nil:
		c.token, c.err = nil, denied
	case c.err != nil && !errors.Is(c.err, ErrJWTExpired):
		c.token = nil
	}
	return c
}

// isSigned reports whether the JWT is correctly signed, expired or not.
func (c *candidate) isSigned() bool { return c.token != nil }

// user returns the "sub" of a correctly signed JWT, or "".
func (c *candidate) user() string {
	if c.token == nil {
		return ""
	}
	return c.token.UserID
}

func (c *candidate) expiresAt() time.Time {
	if c.token == nil {
		return time.Time{}
	}
	return c.token.ExpiresAt
}

// usable reports whether c can make a session: it has a refresh token, or a
// valid JWT where the configuration accepts a JWT alone.
func (m *Manager) usable(c *candidate) bool {
	return !c.RefreshToken.IsZero() || m.config.AllowJWTAlone && c.err == nil
}

// Authenticate decides whether the request that presents the material has a
// session. It is the documented getSession(material). It refreshes the session
// where the JWT is expired or invalid; then [Result.Renewed] has to be stored
// with the user before the response is written.
//
// An error is an [*AuthenticationError], or is [ErrUnavailable]: then there is
// no decision, and no cookie may be deleted. Result.NewContext works in either
// case.
func (m *Manager) Authenticate(ctx context.Context, material Material) (Result, error) {
	now := time.Now() // the only reading of the clock for most requests
	first := m.verifyPair(ctx, Pair{material.JWT, material.RefreshToken}, now)
	if first.err == nil && len(material.Others) == 0 && m.usable(&first) && (material.SkipEarlyRefresh || !first.refreshIsDue(now)) {
		if m.config.ReportAllowed {
			m.report(ctx, event.Event{Outcome: event.Allowed, Op: "authenticate", UserID: first.token.UserID})
		}
		return m.accept(&first), nil
	}
	o := newOperation(m, "authenticate")
	o.presented(&material)
	timeoutCtx, cancel := context.WithDeadline(ctx, now.Add(m.config.RefreshTimeout))
	defer cancel()
	candidates, foreign := m.candidates(timeoutCtx, first, material.Others)
	result, err := m.authenticate(timeoutCtx, o, candidates, foreign, material.SkipEarlyRefresh)
	return o.finish(ctx, result, err)
}

// accept returns the session that the request brought.
func (m *Manager) accept(c *candidate) Result {
	return m.newResult(c.token, RefreshToken{Secret: c.RefreshToken})
}

func (m *Manager) newResult(token *Token, refresh RefreshToken) Result {
	o := &outcome{manager: m, session: AuthSession{
		UserID: token.UserID, JWT: token.JWT, RefreshToken: refresh,
		IssuedAt: token.IssuedAt, ExpiresAt: token.ExpiresAt, token: token,
	}}
	return Result{Session: &o.session, outcome: o}
}

// authenticate handles a request that has several pairs or needs a refresh.
func (m *Manager) authenticate(ctx context.Context, o *operation, candidates []candidate, foreign error, skipEarlyRefresh bool) (Result, error) {
	switch {
	case len(candidates) == 0 && foreign != nil:
		return Result{}, notAuthenticated(messageNotValid, foreign)
	case len(candidates) == 0:
		return Result{}, notAuthenticated(messageNoMaterial, ErrNoMaterial)
	}
	o.primary = candidates[0]
	best := &candidates[0]
	if best.err == nil && m.usable(best) {
		if !skipEarlyRefresh && best.refreshIsDue(time.Now()) {
			return m.refreshEarly(ctx, o, best)
		}
		return m.accept(best), nil
	}
	if err := firstUnavailable(candidates); err != nil && !best.RefreshToken.IsZero() && !best.isSigned() {
		return Result{}, err
	}
	if best.RefreshToken.IsZero() {
		return Result{}, m.withoutRefreshToken(best)
	}
	return m.renew(ctx, o, candidates)
}

// verifyAll is candidates for a material of which nothing has been verified.
func (m *Manager) verifyAll(ctx context.Context, material *Material) (candidates []candidate, foreign error) {
	return m.candidates(ctx, m.verifyPair(ctx, Pair{material.JWT, material.RefreshToken}, time.Now()), material.Others)
}

// candidates verifies the other pairs and sorts all by preference: pairs that
// can make a session first, among them the correctly signed JWT that expires
// last, then in their given order. Empty pairs and those of another project are
// left out; foreign is the error of the latter. The sessions of users whose sessions
// have all ended are logged out.
func (m *Manager) candidates(ctx context.Context, first candidate, others []Pair) (candidates []candidate, foreign error) {
	add := func(c candidate) {
		switch {
		case errors.Is(c.err, ErrOtherProject):
			foreign = c.err
		case c.Pair != (Pair{}):
			candidates = append(candidates, c)
		}
		if errors.Is(c.err, errUserDenied) && !c.RefreshToken.IsZero() && !m.coordinator.isLoggedOut(c.RefreshToken) {
			m.endInBackground(ctx, []candidate{c})
		}
	}
	add(first)
	for _, p := range others[:min(len(others), maxPairs-1)] {
		add(m.verifyPair(ctx, p, time.Now()))
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(
			compareTrueFirst(m.usable(&a), m.usable(&b)),
			compareTrueFirst(a.isSigned(), b.isSigned()),
			b.expiresAt().Compare(a.expiresAt()),
		)
	})
	return candidates, foreign
}

func compareTrueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// firstUnavailable returns the first verification without a decision, or nil.
func firstUnavailable(candidates []candidate) error {
	for i := range candidates {
		if errors.Is(candidates[i].err, ErrUnavailable) {
			return candidates[i].err
		}
	}
	return nil
}

// withoutRefreshToken returns the error for a pair without a refresh token.
func (m *Manager) withoutRefreshToken(c *candidate) error {
	switch {
	case !m.config.AllowJWTAlone:
		return notAuthenticated(messageNoRefresh, errors.Join(errRefreshTokenMissing, c.err))
	case errors.Is(c.err, ErrUnavailable):
		return c.err
	default:
		return notAuthenticated(messageNotValid, c.err)
	}
}

// Verify returns the session of a JWT alone, for example from an Authorization
// header. It never refreshes. Errors are as in [Manager.Authenticate].
func (m *Manager) Verify(ctx context.Context, jwt Secret) (Result, error) {
	result, err := m.verifyBearer(ctx, jwt)
	result.outcome.bearer = true
	return result, err
}

func (m *Manager) verifyBearer(ctx context.Context, jwt Secret) (Result, error) {
	o := newOperation(m, "authenticate")
	if jwt.IsZero() {
		return o.finish(ctx, Result{}, notAuthenticated(messageNotValid, ErrNoMaterial))
	}
	c := m.verifyPair(ctx, Pair{JWT: jwt}, time.Now())
	o.primary = c
	switch {
	case c.err == nil:
		return o.finish(ctx, m.accept(&c), nil)
	case errors.Is(c.err, ErrUnavailable):
		return o.finish(ctx, Result{}, c.err)
	default:
		return o.finish(ctx, Result{}, notAuthenticated(messageNotValid, c.err))
	}
}

// BearerToken returns the JWT from the values of an Authorization header, or
// from the same in the metadata of another protocol (RFC 6750 §2.1), for
// [Manager.Verify]. It reports whether there is a bearer token. Several values
// are ambiguous and give the zero Secret.
func BearerToken(authorization ...string) (jwt Secret, present bool) {
	for _, value := range authorization {
		scheme, token, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		if len(authorization) > 1 {
			return Secret{}, true
		}
		return NewSecret(strings.Trim(token, " ")), true
	}
	return Secret{}, false
}

// operation is the state of one call of Authenticate or Refresh, for the event
// at its end.
type operation struct {
	m         *Manager
	op        string
	started   time.Time
	lastToken Secret // the refresh token used last
	shared    bool
	rejected  []Secret // by upstream
	primary   candidate
	trusted   bool // the token comes from upstream itself
	signIn    bool // the operation starts a session, or fails to

	// refusedAt is Material.RefusedAt.
	refusedAt time.Time
	// earlyData is Material.EarlyData.
	earlyData bool
	// keepCookies reports that a refusal does not concern the cookies, or not
	// all of them.
	keepCookies bool
}

func newOperation(m *Manager, op string) *operation {
	return &operation{m: m, op: op, started: time.Now(), primary: candidate{err: errNoJWT}}
}

// presented notes the cookies of the request.
func (o *operation) presented(material *Material) {
	o.refusedAt = material.RefusedAt
	o.earlyData = material.EarlyData
	o.keepCookies = material.Incomplete || len(material.Others) > maxPairs-1
}

// finish reports the outcome and stores an error for the context.
func (o *operation) finish(ctx context.Context, result Result, err error) (Result, error) {
	if err != nil {
		result = Result{outcome: &outcome{manager: o.m, failure: &failure{err, o.rejected}}}
	}
	e := event.Event{
		Outcome: o.outcomeName(ctx, &result, err), Op: o.op, Err: err, Anonymous: errors.Is(err, ErrNoMaterial),
		UserID: o.primary.user(), Shared: o.shared, Latency: time.Since(o.started),
	}
	if e.Outcome == event.Allowed && !o.m.config.ReportAllowed {
		return result, err
	}
	e.Token = o.m.hasher.fingerprint(o.lastToken)
	e.UpstreamStatus = statusOf(err)
	if result.Session != nil {
		e.UserID = result.Session.UserID
	}
	o.m.report(ctx, e)
	return result, err
}

func (o *operation) outcomeName(ctx context.Context, result *Result, err error) event.Outcome {
	if err != nil {
		outcome := errorOutcome(ctx, err)
		if o.signIn && outcome != event.Abandoned {
			return event.SignInFailed
		}
		return outcome
	}
	switch {
	case result.Renewed != nil && o.signIn:
		return event.SignedIn
	case result.Renewed != nil:
		return event.Refreshed
	case result.Stale:
		return event.ServedStale
	default:
		return event.Allowed
	}
}

func errorOutcome(ctx context.Context, err error) event.Outcome {
	var rejected *AuthenticationError
	switch {
	case errors.As(err, &rejected) && rejected.Clear:
		return event.SignedOut
	case rejected != nil:
		return event.Rejected
	case isAskAgain(err), isTooEarly(err):
		return event.AskedAgain
	case errors.Is(ctx.Err(), context.Canceled):
		return event.Abandoned
	default:
		return event.Unavailable
	}
}
