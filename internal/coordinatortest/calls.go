// Package coordinatortest holds upstream calls for the tests of coordinators. Only
// tests import it; package fleettest tests that a coordinator keeps its contract.
package coordinatortest

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Calls are upstream calls that count, and that a test can replace. Without a
// replacement Exchange appends a prime to the token, Verify accepts every grant
// and Revoke succeeds. Replace a function only while no call is in flight.
type Calls struct {
	Exchange func(ctx context.Context, token session.Secret) (*session.Grant, error)
	Verify   func(*session.Grant) error
	Revoke   func(*session.Grant)

	// Exchanged, Verified and Revoked count the calls, the running ones
	// included.
	Exchanged, Verified, Revoked atomic.Int64
}

// Upstream returns the calls for [session.Coordinator.Do].
func (c *Calls) Upstream() session.UpstreamCalls {
	return session.UpstreamCalls{Exchange: c.exchange, Verify: c.verify, Revoke: c.revoke}
}

func (c *Calls) exchange(ctx context.Context, token session.Secret) (*session.Grant, error) {
	c.Exchanged.Add(1)
	if c.Exchange == nil {
		return Successor(token), nil
	}
	return c.Exchange(ctx, token)
}

func (c *Calls) verify(_ context.Context, g *session.Grant) error {
	c.Verified.Add(1)
	if c.Verify == nil {
		return nil
	}
	return c.Verify(g)
}

func (c *Calls) revoke(_ context.Context, g *session.Grant) {
	c.Revoked.Add(1)
	if c.Revoke != nil {
		c.Revoke(g)
	}
}

// WantExchanged checks how often upstream was asked.
func (c *Calls) WantExchanged(t testing.TB, want int64) {
	t.Helper()
	if got := c.Exchanged.Load(); got != want {
		t.Errorf("upstream was asked %d times, want %d", got, want)
	}
}

// Successor returns the grant of an upstream that appends a prime to a token.
func Successor(token session.Secret) *session.Grant {
	return &session.Grant{
		JWT:          session.NewSecret("jwt"),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(token.Reveal() + "'")},
	}
}

// Unrotated is an exchange of an upstream that does not rotate tokens.
func Unrotated(_ context.Context, token session.Secret) (*session.Grant, error) {
	return &session.Grant{JWT: session.NewSecret("jwt"), RefreshToken: session.RefreshToken{Secret: token}}, nil
}

// Held returns an exchange that waits for a value from release, or until
// release is closed.
func Held(release <-chan struct{}) func(context.Context, session.Secret) (*session.Grant, error) {
	return func(ctx context.Context, token session.Secret) (*session.Grant, error) {
		select {
		case <-release:
			return Successor(token), nil
		case <-ctx.Done():
			return nil, &session.UpstreamError{Kind: session.ErrUnavailable, Op: "refresh", Err: ctx.Err()}
		}
	}
}

// Slow returns an exchange that takes d.
func Slow(d time.Duration) func(context.Context, session.Secret) (*session.Grant, error) {
	return func(ctx context.Context, token session.Secret) (*session.Grant, error) {
		release := make(chan struct{})
		timer := time.AfterFunc(d, func() { close(release) })
		defer timer.Stop()
		return Held(release)(ctx, token)
	}
}

// Refuse is an exchange that upstream definitely refuses.
func Refuse(context.Context, session.Secret) (*session.Grant, error) {
	return nil, &session.UpstreamError{Kind: session.ErrRefused, Op: "refresh", Status: http.StatusUnauthorized}
}

// Overloaded is an exchange that fails without a decision about the token.
func Overloaded(context.Context, session.Secret) (*session.Grant, error) {
	return nil, &session.UpstreamError{Kind: session.ErrUnavailable, Op: "refresh", Status: http.StatusServiceUnavailable}
}

// NoKeys is a verification without a decision: the signing keys are
// unavailable.
func NoKeys(*session.Grant) error {
	return &session.UpstreamError{Kind: session.ErrUnavailable, Op: "keys"}
}

// Invalid is a verification that finds a wrong grant.
func Invalid(*session.Grant) error {
	return &session.UpstreamError{Kind: session.ErrMalformed, Op: "refresh"}
}

// KeyUnknown returns a verification that accepts all grants but the one with
// the given refresh token, whose JWT's key is unknown.
func KeyUnknown(token string) func(*session.Grant) error {
	return func(g *session.Grant) error {
		if g.RefreshToken.Secret.Reveal() == token {
			return &session.UpstreamError{Kind: session.ErrMalformed, Op: "refresh", Err: session.ErrJWTKeyUnknown}
		}
		return nil
	}
}

// Do returns the refresh token of the grant that follows token.
func Do(t testing.TB, c session.Coordinator, token string, calls *Calls) string {
	t.Helper()
	shared, err := c.Do(t.Context(), session.NewSecret(token), calls.Upstream())
	if err != nil {
		t.Errorf("Do(%s): %v", token, err)
		return ""
	}
	return shared.Grant.RefreshToken.Secret.Reveal()
}

// DoError returns the error of a Do that has to fail.
func DoError(t testing.TB, c session.Coordinator, token string, calls *Calls) error {
	t.Helper()
	_, err := c.Do(t.Context(), session.NewSecret(token), calls.Upstream())
	if err == nil {
		t.Errorf("Do(%s) did not fail", token)
	}
	return err
}

// Logout returns the refresh tokens of the grants that follow token.
func Logout(t testing.TB, c session.Coordinator, token string) (descendants []string) {
	t.Helper()
	grants, err := c.Logout(t.Context(), session.NewSecret(token))
	if err != nil {
		t.Errorf("Logout(%s): %v", token, err)
	}
	for _, g := range grants {
		descendants = append(descendants, g.RefreshToken.Secret.Reveal())
	}
	return descendants
}

// eventuallyTimeout is the time that [Eventually] waits. Test machines are
// slow.
const eventuallyTimeout = 2 * time.Minute

// Eventually waits for a condition. The description completes the sentence "it
// never happened that …".
func Eventually(t testing.TB, description string, condition func() bool) {
	t.Helper()
	for started := time.Now(); !condition(); time.Sleep(time.Millisecond) {
		if time.Since(started) > eventuallyTimeout {
			t.Fatalf("it never happened that %s", description)
		}
	}
}
