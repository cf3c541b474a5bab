package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ms     = time.Millisecond
	second = time.Second
)

// canary is a secret that must not be printed.
const canary = "CANARY-7f3a"

// none is the token of a request that brings none beside its cookies.
var none = session.Secret{}

// kit is a manager in front of a fake upstream, in a synctest bubble.
type kit struct {
	*session.Manager
	*testkit.Kit
	t *testing.T
}

// SignIn returns the tokens of a user after a sign-in.
func (k *kit) SignIn(email string) session.Material { return k.Kit.SignIn(email) }

// run runs a test in a bubble, with a kit of its own.
func run(t *testing.T, name string, config testkit.Config, test func(t *testing.T, k *kit)) {
	t.Helper()
	bubble(t, name, func(t *testing.T) {
		config.Fake.InMemory = true
		k := testkit.New(t, config)
		test(t, &kit{k.Manager, k, t})
	})
}

// bubble runs a test in a bubble.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// fetchKeys makes the client fetch the signing keys.
func (k *kit) fetchKeys() {
	k.t.Helper()
	_, err := k.authenticate(k.SignIn("first@example.com"))
	testkit.NoError(k.t, err)
}

// forged returns the tokens of a client that invents a refresh token.
func forged(name string) session.Material { return refreshToken("forged-" + name) }

func refreshToken(token string) session.Material {
	return session.Material{RefreshToken: session.NewSecret(token)}
}

func jwtOnly(jwt string) session.Material { return session.Material{JWT: session.NewSecret(jwt)} }

// several returns the tokens of a request with several pairs.
func several(pairs ...session.Material) session.Material {
	all := pairs[0]
	for _, p := range pairs[1:] {
		all.Others = append(all.Others, session.Pair{JWT: p.JWT, RefreshToken: p.RefreshToken})
	}
	return all
}

func materialOf(s *session.AuthSession) session.Material {
	return session.Material{JWT: s.JWT, RefreshToken: s.RefreshToken.Secret}
}

func (k *kit) authenticate(m session.Material) (session.Result, error) {
	return k.Authenticate(k.t.Context(), m)
}

// want checks the outcome of a request and how often upstream was asked.
func (k *kit) want(err error, outcome string, refreshes int) {
	k.t.Helper()
	if got := testkit.Outcome(err); got != outcome {
		k.t.Errorf("outcome %s (%v), want %s", got, err, outcome)
	}
	if calls := k.Fake.Calls().Refresh; calls != refreshes {
		k.t.Errorf("upstream was asked %d times, want %d", calls, refreshes)
	}
}

// wantAlive checks how many refresh tokens of a user upstream still accepts.
func (k *kit) wantAlive(user session.User, want int) {
	k.t.Helper()
	if got := k.Fake.LiveOf(user.ID); got != want {
		k.t.Errorf("upstream accepts %d refresh tokens, want %d", got, want)
	}
}

// retryAfter returns the delay that an error asks for.
func retryAfter(err error) time.Duration {
	var up *session.UpstreamError
	if errors.As(err, &up) {
		return up.RetryAfter
	}
	return 0
}

// changedUpstream is the upstream of a kit with some calls replaced. nil means
// unchanged.
type changedUpstream struct {
	session.Upstream
	verifyReceived func(ctx context.Context, jwt string) (*session.Token, error)
	refresh        func(ctx context.Context, token session.Secret) (*session.Grant, error)
	logout         func(ctx context.Context, token session.Secret) error
}

func (u changedUpstream) VerifyReceived(ctx context.Context, jwt string) (*session.Token, error) {
	if u.verifyReceived == nil {
		return u.Upstream.VerifyReceived(ctx, jwt)
	}
	return u.verifyReceived(ctx, jwt)
}

func (u changedUpstream) Refresh(ctx context.Context, token session.Secret) (*session.Grant, error) {
	if u.refresh == nil {
		return u.Upstream.Refresh(ctx, token)
	}
	return u.refresh(ctx, token)
}

func (u changedUpstream) Logout(ctx context.Context, token session.Secret) error {
	if u.logout == nil {
		return u.Upstream.Logout(ctx, token)
	}
	return u.logout(ctx, token)
}

// managerWith returns a manager of the changed upstream.
func (k *kit) managerWith(u changedUpstream) *session.Manager {
	k.t.Helper()
	u.Upstream = k.Client
	return k.NewManager(session.Config{Upstream: u})
}

// wantIdle checks that no refresh runs and no request waits.
func wantIdle(t *testing.T, m *session.Manager) {
	t.Helper()
	if h := m.Health(); h.RefreshesInFlight != 0 || h.Waiting != 0 {
		t.Errorf("%d refreshes and %d waiting requests are left", h.RefreshesInFlight, h.Waiting)
	}
}
