package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
)

// statusForbidden is the one HTTP status that means something to this package:
// upstream answers it to a bad API key.
const statusForbidden = 403

// An Option changes what [Manager.Authenticate] does for one request. The zero
// value changes nothing.
type Option struct{ withoutEarlyRefresh func() bool }

// WithoutEarlyRefresh is for requests whose answer may not be able to carry
// cookies, such as upgrades to WebSocket: where it holds, they refresh only what
// has expired. It is asked when an early refresh is due.
func WithoutEarlyRefresh(holds func() bool) Option { return Option{holds} }

// candidate is a pair with the verdict on its JWT.
type candidate struct {
	pair
	source  int
	token   Token
	judged  int64 // when, in milliseconds since 1970
	verdict error // nil: valid
}

// candidate judges the JWT of a pair.
func (m *Manager) candidate(ctx context.Context, p pair, source int) candidate {
	c := candidate{pair: p, source: source}
	m.judge(ctx, &c)
	return c
}

// judge fills in what there is to say of c's JWT. It is apart from candidate
// because the usual request would notice the copying.
func (m *Manager) judge(ctx context.Context, c *candidate) {
	if c.jwt.IsZero() {
		c.verdict = errNoJWT
		return
	}
	c.token, c.judged, c.verdict = m.upstream.Judge(ctx, c.jwt.Reveal(), false)
	if c.verdict != nil && strings.ContainsFunc(c.jwt.Reveal(), noCookieOctet) {
		c.jwt, c.token, c.verdict = Secret{}, Token{}, errNoJWT
	}
}

// noCookieOctet reports whether net/http drops a cookie for having r in its
// value. Since a correct signature vouches for its token's bytes, they are
// looked at only where there is none.
func noCookieOctet(r rune) bool { return r < 0x20 || r >= 0x7f || r == '"' || r == '\\' }

var errNoJWT = errors.New("no JWT")

// remaining returns for how many milliseconds the JWT holds from the judgement
// on; it is not positive for one that had expired. A time.Duration could not
// hold those of all JWTs.
func (c *candidate) remaining() int64 { return 1000*c.token.ExpiresAt - c.judged }

// signed reports whether the JWT is correctly signed, expired or not.
func (c *candidate) signed() bool { return c.verdict == nil || errors.Is(c.verdict, ErrJWTExpired) }

// Authenticate decides whether the request that presents the material may
// pass, the documented getSession(material). It refreshes the session where
// its JWT has expired or is false; [Result.Renewed] must then be stored with
// the user, best before anything else is written.
//
// Errors are an [*AuthenticationError], or are [ErrUnavailable]: then nobody
// can tell now, and nothing must be cleared. The Result carries the material's
// place in the context either way.
func (m *Manager) Authenticate(ctx context.Context, presented Material, options ...Option) (Result, error) {
	n := presented.place.node()
	if n == nil {
		return m.conclude(ctx, newAttempt("authenticate", nil), Result{}, notAuthenticated(messageNoMaterial, ErrNoMaterial))
	}
	first := candidate{pair: n.presented(), source: n.source}
	m.judge(ctx, &first)
	if first.verdict == nil && m.complete(&first) && n.others == nil && !m.inEarlyWindow(&first) {
		if m.config.ReportAllowed {
			m.report(ctx, Event{Outcome: Allowed, Op: "authenticate", UserID: first.token.UserID})
		}
		return m.admit(n, &first), nil
	}
	a := newAttempt("authenticate", n)
	result, err := m.decide(ctx, a, first, options)
	return m.conclude(ctx, a, result, err)
}

// complete reports whether c can make a session: by its refresh token, or by a
// valid JWT where that will do.
func (m *Manager) complete(c *candidate) bool {
	return !c.refresh.IsZero() || m.config.AllowJWTAlone && c.verdict == nil
}

// admit returns the session that the request brought.
func (m *Manager) admit(n *node, c *candidate) Result {
	if n.owner != nil { // used before: what was handed out must not change
		n = &node{fate: &usual}
	}
	n.settle(m, nil)
	n.session.UserID, n.session.JWT, n.session.RefreshToken.Secret = c.token.UserID, c.jwt, c.refresh
	return Result{Session: &n.session, place: n.place()}
}

// decide takes the way of a request that is not plainly in order.
func (m *Manager) decide(ctx context.Context, a *attempt, first candidate, options []Option) (Result, error) {
	candidates := m.rank(ctx, a.node, first)
	a.best = candidates[0]
	best := &candidates[0]
	if best.verdict == nil && m.complete(best) {
		without := func(o Option) bool { return o.withoutEarlyRefresh != nil && o.withoutEarlyRefresh() }
		if m.inEarlyWindow(best) && !slices.ContainsFunc(options, without) {
			return m.refreshEarly(ctx, a, best)
		}
		return m.admit(a.node, best), nil
	}
	if err := undecided(candidates); err != nil && !best.refresh.IsZero() && !best.signed() {
		return Result{}, err
	}
	if best.refresh.IsZero() {
		return Result{}, m.withoutRefreshToken(best)
	}
	ctx, cancel := context.WithTimeout(ctx, m.config.Patience)
	defer cancel()
	return m.renew(ctx, a, candidates)
}

// rank judges all pairs and puts them into the order in which they count:
// those that can make a session first, among them the correctly signed JWT
// that ends last, then as they came.
func (m *Manager) rank(ctx context.Context, n *node, first candidate) []candidate {
	candidates := []candidate{first}
	for i := range n.others {
		candidates = append(candidates, m.candidate(ctx, n.others[i].pair, n.others[i].source))
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(
			falseLast(m.complete(&a), m.complete(&b)),
			falseLast(a.signed(), b.signed()),
			cmp.Compare(b.token.ExpiresAt, a.token.ExpiresAt),
		)
	})
	return candidates
}

func falseLast(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// undecided returns why a JWT among the candidates cannot be judged, or nil.
func undecided(candidates []candidate) error {
	for i := range candidates {
		if errors.Is(candidates[i].verdict, ErrUnavailable) {
			return candidates[i].verdict
		}
	}
	return nil
}

// withoutRefreshToken says why a pair without a refresh token does not do.
func (m *Manager) withoutRefreshToken(c *candidate) error {
	switch {
	case !m.config.AllowJWTAlone:
		return notAuthenticated(messageNoRefresh, errors.Join(ErrRefreshTokenMissing, describe(c.verdict)))
	case errors.Is(c.verdict, ErrUnavailable):
		return c.verdict
	default:
		return notAuthenticated(messageNotValid, c.verdict)
	}
}

// describe returns a verdict that is worth a word beside another cause.
func describe(verdict error) error {
	if verdict == nil || errors.Is(verdict, errNoJWT) {
		return nil
	}
	return verdict
}

// Verify returns the session of a JWT alone, as a native client sends it in an
// Authorization header. It never refreshes. Errors are as in Authenticate.
func (m *Manager) Verify(ctx context.Context, jwt Secret) (Result, error) {
	material := NewMaterial(jwt.Reveal(), "")
	a := newAttempt("authenticate", material.place.node())
	if a.node == nil {
		return m.conclude(ctx, a, Result{}, notAuthenticated(messageNotValid, ErrNoMaterial))
	}
	c := m.candidate(ctx, a.node.presented(), 0)
	a.best = c
	switch {
	case c.verdict == nil:
		return m.conclude(ctx, a, m.admit(a.node, &c), nil)
	case errors.Is(c.verdict, ErrUnavailable):
		return m.conclude(ctx, a, Result{}, c.verdict)
	default:
		return m.conclude(ctx, a, Result{}, notAuthenticated(messageNotValid, c.verdict))
	}
}

func notAuthenticated(message string, cause error) *AuthenticationError {
	return &AuthenticationError{Message: message, Err: cause}
}
