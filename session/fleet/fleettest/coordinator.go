package fleettest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// RunCoordinator tests the coordinators that newCoordinator returns. It calls
// newCoordinator once for each subtest. The coordinator must know no token yet,
// and its refusals must be definite. newCoordinator has it closed at the end of
// the subtest.
//
// It has no claim about durations such as the grace period, because it runs in real
// time. Each coordinator tests those itself.
func RunCoordinator(t *testing.T, newCoordinator func(t *testing.T) session.Coordinator) {
	t.Helper()
	tests := []struct {
		name string
		run  func(t *testing.T, c session.Coordinator)
	}{
		{name: "callers with one token share one exchange", run: sharedExchange},
		{name: "two tokens need two exchanges", run: twoTokens},
		{name: "an old token leads to the latest grant", run: latestGrant},
		{name: "an upstream that does not rotate is asked each time", run: unrotated},
		{name: "a disconnected caller leaves the call running", run: disconnectedCaller},
		{name: "a call has the values of its caller's context and a deadline", run: callContext},
		{name: "a definite refusal is cached", run: cachedRefusal},
		{name: "an outage is not cached", run: outage},
		{name: "an unverified grant is verified again before upstream is asked again", run: unverifiedGrant},
		{name: "a grant with an invalid JWT is exchanged for the next one", run: invalidGrant},
		{name: "an unverified grant with an unknown key is exchanged for the next one", run: unknownKey},
		{name: "an unverified grant with an unknown key is dropped when it is refused", run: unknownKeyRefused},
		{name: "an unverified grant of an upstream that does not rotate is dropped when it is verified", run: unverifiedUnrotated},
		{name: "a logout ends the refresh in flight", run: logoutInFlight},
		{name: "a logout with an old token ends the refresh of its successor", run: logoutSuccessorInFlight},
		{name: "a logout ends a refresh whose grant cannot be verified", run: logoutUnverifiedInFlight},
		{name: "a logout covers all descendants", run: logoutDescendants},
		{name: "a logout of the latest token covers its ancestors", run: logoutAncestors},
		{name: "a logout returns an unverified grant", run: logoutUnverified},
		{name: "a logout of an unknown token is remembered", run: logoutUnknown},
		{name: "close waits for the calls in flight", run: closeWaits},
		{name: "close cancels the calls in flight when its context ends", run: closeCancels},
		{name: "close without calls in flight succeeds", run: closeIdle},
		{name: "close does not wait for a transport that ignores its context", run: closeIgnoredContext},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, newCoordinator(t)) })
	}
}

func sharedExchange(t *testing.T, c session.Coordinator) {
	release := make(chan struct{})
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}
	var callers sync.WaitGroup
	var exchanged atomic.Int64 // callers that caused an upstream call
	for range 50 {
		callers.Go(func() {
			shared, err := c.Do(t.Context(), session.NewSecret("a"), calls.Upstream())
			if err != nil || shared.Grant.RefreshToken.Secret.Reveal() != "a'" {
				t.Errorf("%+v, %v", shared, err)
			}
			if !shared.Cached {
				exchanged.Add(1)
			}
		})
	}
	coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() > 0 })
	close(release)
	callers.Wait()
	if got := coordinatortest.Do(t, c, "a", calls); got != "a'" {
		t.Errorf("later: %s", got)
	}
	calls.WantExchanged(t, 1)
	if n := exchanged.Load(); n != 1 {
		t.Errorf("%d of 50 results are not marked as cached, want 1", n)
	}
}

func twoTokens(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{}
	if a, b := coordinatortest.Do(t, c, "a", calls), coordinatortest.Do(t, c, "b", calls); a != "a'" || b != "b'" {
		t.Errorf("got %s and %s", a, b)
	}
	calls.WantExchanged(t, 2)
}

func latestGrant(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{}
	for _, token := range []string{"a", "a'", "a''"} {
		coordinatortest.Do(t, c, token, calls)
	}
	for _, token := range []string{"a", "a'", "a''"} {
		shared, err := c.Do(t.Context(), session.NewSecret(token), calls.Upstream())
		if err != nil || shared.Grant.RefreshToken.Secret.Reveal() != "a'''" || !shared.Cached {
			t.Errorf("%s: %+v, %v", token, shared, err)
		}
	}
	calls.WantExchanged(t, 3)
}

func unrotated(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Unrotated}
	coordinatortest.Do(t, c, "a", calls)
	coordinatortest.Do(t, c, "a", calls)
	calls.WantExchanged(t, 2)
}

func disconnectedCaller(t *testing.T, c session.Coordinator) {
	release := make(chan struct{})
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() == 1 })
	}()
	if _, err := c.Do(ctx, session.NewSecret("a"), calls.Upstream()); !errors.Is(err, context.Canceled) {
		t.Errorf("the disconnected caller got %v, want the error of its context", err)
	}
	close(release)
	if got := coordinatortest.Do(t, c, "a", calls); got != "a'" {
		t.Errorf("got %s", got)
	}
	calls.WantExchanged(t, 1)
}

func callContext(t *testing.T, c session.Coordinator) {
	type key struct{}
	calls := &coordinatortest.Calls{Exchange: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
		if ctx.Value(key{}) != "trace" {
			t.Error("the values of the context are lost")
		}
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the call has no deadline")
		}
		return coordinatortest.Successor(token), nil
	}}
	ctx := context.WithValue(t.Context(), key{}, "trace")
	if _, err := c.Do(ctx, session.NewSecret("a"), calls.Upstream()); err != nil {
		t.Error(err)
	}
}

// wantDefiniteRefusal checks that err is a refusal that may delete cookies.
func wantDefiniteRefusal(t *testing.T, err error) {
	t.Helper()
	var up *session.UpstreamError
	if !errors.As(err, &up) || !errors.Is(err, session.ErrRefused) || up.Uncertain {
		t.Errorf("err = %#v, want a definite refusal", err)
	}
}

func cachedRefusal(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Refuse}
	for i := range 3 {
		shared, err := c.Do(t.Context(), session.NewSecret("a"), calls.Upstream())
		wantDefiniteRefusal(t, err)
		if shared.Cached != (i > 0) {
			t.Errorf("refusal %d: Cached is %t", i, shared.Cached)
		}
	}
	calls.WantExchanged(t, 1)
}

func outage(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Overloaded}
	for range 3 {
		if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
	}
	calls.WantExchanged(t, 3)
}

func unverifiedGrant(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{Verify: coordinatortest.NoKeys}
	for range 3 {
		if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
	}
	calls.Verify = nil
	if got := coordinatortest.Do(t, c, "a", calls); got != "a'" || calls.Verified.Load() != 4 {
		t.Errorf("got %s after %d verifications, want 4", got, calls.Verified.Load())
	}
	calls.WantExchanged(t, 1)
}

// The refresh token of a grant is never lost, because the old token is used up.
func invalidGrant(t *testing.T, c session.Coordinator) {
	var exchanged []string
	calls := &coordinatortest.Calls{Verify: coordinatortest.Invalid}
	calls.Exchange = func(_ context.Context, token session.Secret) (*session.Grant, error) {
		exchanged = append(exchanged, token.Reveal())
		return coordinatortest.Successor(token), nil
	}
	for range 2 {
		if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrMalformed) {
			t.Errorf("err = %v", err)
		}
	}
	calls.Verify = nil // also for the stored grant
	if got := coordinatortest.Do(t, c, "a", calls); got != "a''" {
		t.Errorf("got %s", got)
	}
	if diff := cmp.Diff([]string{"a", "a'"}, exchanged); diff != "" {
		t.Errorf("exchanged tokens (-want +got):\n%s", diff)
	}
}

func unknownKey(t *testing.T, c session.Coordinator) {
	verifyErrors := map[string]error{
		"a'":  &session.UpstreamError{Kind: session.ErrMalformed, Err: session.ErrJWTKeyUnknown},
		"a''": &session.UpstreamError{Kind: session.ErrMalformed},
	}
	calls := &coordinatortest.Calls{Verify: func(g *session.Grant) error { return verifyErrors[g.RefreshToken.Secret.Reveal()] }}
	for range 2 { // the second call exchanges a' and gets an invalid grant
		if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
	}
	if got := coordinatortest.Do(t, c, "a", calls); got != "a'''" { // the third call exchanges a''
		t.Errorf("got %s", got)
	}
	calls.WantExchanged(t, 3)
}

// While upstream is unavailable, the unverified grant is all that is left of the
// session.
func unknownKeyRefused(t *testing.T, c session.Coordinator) {
	var exchanged []string
	exchanges := []func(context.Context, session.Secret) (*session.Grant, error){nil, coordinatortest.Overloaded, coordinatortest.Overloaded, coordinatortest.Refuse}
	calls := &coordinatortest.Calls{Verify: coordinatortest.KeyUnknown("a'")}
	calls.Exchange = func(ctx context.Context, token session.Secret) (*session.Grant, error) {
		exchanged = append(exchanged, token.Reveal())
		if exchange := exchanges[len(exchanged)-1]; exchange != nil {
			return exchange(ctx, token)
		}
		return coordinatortest.Successor(token), nil
	}
	for range exchanges {
		_ = coordinatortest.DoError(t, c, "a", calls)
	}
	if diff := cmp.Diff([]string{"a", "a'", "a'", "a'"}, exchanged); diff != "" {
		t.Errorf("exchanged tokens (-want +got):\n%s", diff)
	}
	if descendants := coordinatortest.Logout(t, c, "a"); len(descendants) != 0 {
		t.Errorf("after the refusal it is still stored: %v", descendants)
	}
}

func unverifiedUnrotated(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Unrotated, Verify: coordinatortest.NoKeys}
	_ = coordinatortest.DoError(t, c, "a", calls)
	calls.Verify = nil
	for range 3 { // the first one verifies the stored grant
		coordinatortest.Do(t, c, "a", calls)
	}
	calls.WantExchanged(t, 3)
	wantDefiniteRefusal(t, coordinatortest.DoError(t, c, "a", &coordinatortest.Calls{Exchange: coordinatortest.Refuse}))
}

// start starts a refresh that waits for release, and returns its error when it
// has ended.
func start(t *testing.T, c session.Coordinator, token string, calls *coordinatortest.Calls) <-chan error {
	t.Helper()
	before := calls.Exchanged.Load()
	result := make(chan error, 1)
	go func() {
		_, err := c.Do(t.Context(), session.NewSecret(token), calls.Upstream())
		result <- err
	}()
	coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() > before })
	return result
}

func logoutInFlight(t *testing.T, c session.Coordinator) {
	release := make(chan struct{})
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}
	result := start(t, c, "a", calls)
	coordinatortest.Logout(t, c, "a")
	close(release)
	if err := <-result; !errors.Is(err, session.ErrLoggedOut) {
		t.Errorf("the refresh in flight: %v", err)
	}
	coordinatortest.Eventually(t, "the grant was revoked", func() bool { return calls.Revoked.Load() == 1 })
	if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrLoggedOut) {
		t.Errorf("later: %v", err)
	}
	calls.WantExchanged(t, 1)
}

func logoutSuccessorInFlight(t *testing.T, c session.Coordinator) {
	release := make(chan struct{})
	calls := &coordinatortest.Calls{}
	coordinatortest.Do(t, c, "a", calls)
	calls.Exchange = coordinatortest.Held(release)
	result := start(t, c, "a'", calls)
	coordinatortest.Logout(t, c, "a")
	close(release)
	if err := <-result; !errors.Is(err, session.ErrLoggedOut) {
		t.Errorf("the refresh in flight: %v", err)
	}
	coordinatortest.Eventually(t, "the grant was revoked", func() bool { return calls.Revoked.Load() == 1 })
}

func logoutUnverifiedInFlight(t *testing.T, c session.Coordinator) {
	release := make(chan struct{})
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release), Verify: coordinatortest.NoKeys}
	result := start(t, c, "a", calls)
	coordinatortest.Logout(t, c, "a")
	close(release)
	if err := <-result; err == nil {
		t.Error("the call in flight succeeded")
	}
	coordinatortest.Eventually(t, "the grant was revoked", func() bool { return calls.Revoked.Load() == 1 })
}

func logoutDescendants(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{}
	coordinatortest.Do(t, c, "a", calls)
	coordinatortest.Do(t, c, "a'", calls)
	if diff := cmp.Diff([]string{"a'", "a''"}, coordinatortest.Logout(t, c, "a")); diff != "" {
		t.Errorf("descendants (-want +got):\n%s", diff)
	}
	for _, token := range []string{"a", "a'", "a''"} {
		shared, err := c.Do(t.Context(), session.NewSecret(token), calls.Upstream())
		if !errors.Is(err, session.ErrLoggedOut) || !shared.Cached {
			t.Errorf("%s: %v, Cached is %t", token, err, shared.Cached)
		}
	}
	calls.WantExchanged(t, 2)
}

func logoutAncestors(t *testing.T, c session.Coordinator) {
	calls := &coordinatortest.Calls{}
	coordinatortest.Do(t, c, "a", calls)
	coordinatortest.Logout(t, c, "a'")
	if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrLoggedOut) {
		t.Errorf("err = %v", err)
	}
}

func logoutUnverified(t *testing.T, c session.Coordinator) {
	_ = coordinatortest.DoError(t, c, "a", &coordinatortest.Calls{Verify: coordinatortest.NoKeys})
	if diff := cmp.Diff([]string{"a'"}, coordinatortest.Logout(t, c, "a")); diff != "" {
		t.Errorf("descendants (-want +got):\n%s", diff)
	}
}

func logoutUnknown(t *testing.T, c session.Coordinator) {
	if descendants := coordinatortest.Logout(t, c, "a"); len(descendants) != 0 {
		t.Errorf("descendants: %v", descendants)
	}
	calls := &coordinatortest.Calls{}
	if err := coordinatortest.DoError(t, c, "a", calls); !errors.Is(err, session.ErrLoggedOut) {
		t.Errorf("err = %v", err)
	}
	calls.WantExchanged(t, 0)
}

func closeWaits(t *testing.T, c session.Coordinator) {
	release := make(chan struct{})
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}
	result := start(t, c, "a", calls)
	closed := make(chan error, 1)
	go func() { closed <- c.Close(t.Context()) }()
	close(release)
	if err := errors.Join(<-closed, <-result); err != nil {
		t.Errorf("the refresh in flight was lost: %v", err)
	}
	if err := coordinatortest.DoError(t, c, "b", calls); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
	calls.WantExchanged(t, 1)
}

func closeCancels(t *testing.T, c session.Coordinator) {
	result := start(t, c, "a", &coordinatortest.Calls{Exchange: coordinatortest.Held(nil)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v", err)
	}
	if err := <-result; !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("the refresh in flight: %v", err)
	}
}

func closeIdle(t *testing.T, c session.Coordinator) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(c.Close(ctx), c.Close(ctx)); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func closeIgnoredContext(t *testing.T, c session.Coordinator) {
	release := make(chan struct{})
	result := start(t, c, "a", &coordinatortest.Calls{Exchange: func(context.Context, session.Secret) (*session.Grant, error) {
		<-release
		return nil, &session.UpstreamError{}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v", err)
	}
	close(release)
	if err := <-result; err == nil {
		t.Error("the call in flight succeeded")
	}
}
