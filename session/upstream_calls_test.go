package session_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// A failed upstream call is retried where that can do no harm.
func TestRetries(t *testing.T) {
	tests := []struct {
		name string
		err  error
		took time.Duration // each try
		want int           // tries
	}{
		{name: "not sent", err: &session.UpstreamError{NotSent: true}, want: 3},
		{name: "not sent, the second try starts within a second", err: &session.UpstreamError{NotSent: true}, took: 700 * ms, want: 2},
		{name: "not sent, after more than a second", err: &session.UpstreamError{NotSent: true}, took: 1100 * ms, want: 1},
		{name: "incomplete", err: &session.UpstreamError{Incomplete: true}, want: 2},
		{name: "incomplete after some seconds", err: &session.UpstreamError{Incomplete: true}, took: 4 * second, want: 2},
		{name: "timeout", err: &session.UpstreamError{Kind: session.ErrUnavailable}, took: 5 * second, want: 1},
		{name: "status 500", err: &session.UpstreamError{Kind: session.ErrUnavailable, Status: 500}, want: 1},
		{name: "status 429", err: &session.UpstreamError{Kind: session.ErrUnavailable, Status: 429}, want: 1},
		{name: "malformed", err: &session.UpstreamError{Kind: session.ErrMalformed}, want: 1},
		{name: "refused", err: &session.UpstreamError{Kind: session.ErrRefused}, want: 1},
		{name: "not an UpstreamError", err: context.DeadlineExceeded, want: 1},
	}
	for _, test := range tests {
		run(t, test.name, testkit.Config{}, func(t *testing.T, k *kit) {
			material := k.Expired("ann@example.com")
			tries := 0
			m := k.managerWith(changedUpstream{refresh: func(context.Context, session.Secret) (*session.Grant, error) {
				tries++
				time.Sleep(test.took)
				return nil, test.err
			}})
			if _, err := m.Authenticate(t.Context(), material); err == nil || tries != test.want {
				t.Errorf("%v after %d tries, want %d", err, tries, test.want)
			}
		})
	}
}

func TestForgedTokens(t *testing.T) {
	run(t, "a flood reaches upstream fifty times at once and ten times a second", testkit.Config{}, func(t *testing.T, k *kit) {
		var all sync.WaitGroup
		for i := range 5000 { // a thousand a second for five seconds
			all.Go(func() {
				if _, err := k.authenticate(forged(fmt.Sprint(i))); testkit.Outcome(err) == testkit.Unavailable && retryAfter(err) != second {
					t.Errorf("Retry-After %v", retryAfter(err))
				}
			})
			time.Sleep(time.Millisecond)
		}
		if calls := k.Fake.Calls().Refresh; calls < 90 || calls > 101 {
			t.Errorf("upstream was asked %d times", calls)
		}
		all.Wait()
	})
	run(t, "a flood does not delay users with a signed JWT", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
		k.fetchKeys()
		var all sync.WaitGroup
		var slowest atomic.Int64
		for i := range 3000 {
			all.Go(func() { _, _ = k.authenticate(forged(fmt.Sprint(i))) })
			if i%100 == 0 {
				m := k.Expired(fmt.Sprintf("user%d@example.com", i))
				all.Go(func() {
					started := time.Now()
					if _, err := k.authenticate(m); err != nil {
						t.Errorf("user %d: %v", i, err)
					}
					slowest.Store(max(slowest.Load(), int64(time.Since(started))))
				})
			}
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		if d := time.Duration(slowest.Load()); d > 60*time.Millisecond {
			t.Errorf("the slowest refresh took %v, upstream takes 50 ms", d)
		}
	})
	run(t, "five hundred sign-ins a second pass", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.SetLatency(crossminttest.Refresh, 20*time.Millisecond)
		var all sync.WaitGroup
		for i := range 1000 {
			secret := session.NewSecret(k.Fake.OneTimeSecret(k.Fake.NewUser(fmt.Sprintf("user%d@example.com", i))))
			all.Go(func() {
				if _, err := k.Refresh(t.Context(), session.Material{}, secret); err != nil {
					t.Errorf("sign-in %d: %v", i, err)
				}
			})
			time.Sleep(2 * time.Millisecond)
		}
		all.Wait()
	})
	run(t, "five hundred sign-ins at once pass", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
		var all sync.WaitGroup
		for i := range 500 {
			secret := session.NewSecret(k.Fake.OneTimeSecret(k.Fake.NewUser(fmt.Sprintf("user%d@example.com", i))))
			all.Go(func() {
				if _, err := k.Refresh(t.Context(), session.Material{}, secret); err != nil {
					t.Errorf("sign-in %d: %v", i, err)
				}
			})
		}
		all.Wait()
	})
	run(t, "a user with a signed JWT and many forged tokens does not use up the capacity of others", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.SetLatency(crossminttest.Refresh, second)
		k.fetchKeys()
		jwt := session.NewSecret(k.Fake.ExpiredJWT(k.Fake.NewUser("mallory@example.com")))
		var all sync.WaitGroup
		for i := range 5000 {
			all.Go(func() {
				_, _ = k.authenticate(session.Material{JWT: jwt, RefreshToken: forged(fmt.Sprint(i)).RefreshToken})
			})
		}
		time.Sleep(second / 2)
		if calls := k.Fake.Calls().Refresh; calls > 8+16 {
			t.Errorf("%d calls at once", calls)
		}
		all.Wait()
		if _, err := k.authenticate(k.Expired("ann@example.com")); err != nil {
			t.Errorf("another user: %v", err)
		}
	})
	run(t, "calls without a complete response use up no tokens of the limiter", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Truncate())
		started := time.Now()
		for i := range 200 {
			_, err := k.authenticate(forged(fmt.Sprint(i)))
			k.want(err, testkit.Unavailable, 2*(i+1)) // each with one retry
		}
		if took := time.Since(started); took != 0 {
			t.Errorf("the limiter delayed them by %v", took)
		}
	})
	run(t, "while upstream is slow a bounded number waits, and the rest is rejected at once", testkit.Config{}, func(t *testing.T, k *kit) {
		const flood = 3000
		k.Fake.SetLatency(crossminttest.Refresh, 5*second)
		errs := make(chan error, flood)
		for i := range flood {
			go func() {
				_, err := k.authenticate(forged(fmt.Sprint(i)))
				errs <- err
			}()
		}
		synctest.Wait()
		rejected := len(errs)
		for range rejected {
			if err := <-errs; testkit.Outcome(err) != testkit.Unavailable || retryAfter(err) != second {
				t.Errorf("%v, Retry-After %v", err, retryAfter(err))
			}
		}
		if want := flood - session.UnsignedInFlight - session.UnsignedQueue; rejected != want {
			t.Errorf("%d are rejected at once, want %d", rejected, want)
		}
		for range flood - rejected {
			<-errs
		}
	})
}

// A panic or runtime.Goexit of the upstream is an outage for the requests that
// wait, and harmless for the later ones.
func TestUpstreamPanics(t *testing.T) {
	// wantOutage makes concurrent requests, and returns their tokens.
	wantOutage := func(t *testing.T, k *kit, m *session.Manager, material session.Material) {
		t.Helper()
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				if _, err := m.Authenticate(t.Context(), material); testkit.Outcome(err) != testkit.Unavailable {
					t.Errorf("a waiting request: %v", err)
				}
			})
		}
		callers.Wait()
		wantIdle(t, m)
	}
	for _, test := range []struct {
		name string
		fail func()
	}{{name: "panic", fail: func() { panic(canary) }}, {name: "Goexit", fail: runtime.Goexit}} {
		run(t, test.name+" of Refresh", testkit.Config{}, func(t *testing.T, k *kit) {
			material := k.Expired("ann@example.com")
			k.fetchKeys()
			var once sync.Once
			m := k.managerWith(changedUpstream{refresh: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
				once.Do(func() {
					time.Sleep(second)
					test.fail()
				})
				return k.Client.Refresh(ctx, token)
			}})
			wantOutage(t, k, m, material)
			k.want(nil, testkit.OK, 0)
			if test.name == "panic" && !k.Has(event.Panicked) {
				t.Errorf("events = %v", k.Outcomes())
			}
			_, err := m.Authenticate(t.Context(), material)
			k.want(err, testkit.OK, 1)
		})
	}
	run(t, "panic of VerifyReceived: the grant is verified again later", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}}, func(t *testing.T, k *kit) {
		material := k.Expired("ann@example.com")
		k.fetchKeys()
		var once sync.Once
		m := k.managerWith(changedUpstream{verifyReceived: func(ctx context.Context, jwt string) (*session.Token, error) {
			once.Do(func() {
				time.Sleep(second)
				panic(canary)
			})
			return k.Client.VerifyReceived(ctx, jwt)
		}})
		wantOutage(t, k, m, material)
		k.want(nil, testkit.OK, 1)
		if !k.Has(event.Panicked) {
			t.Errorf("events = %v", k.Outcomes())
		}
		time.Sleep(5 * time.Minute)
		result, err := m.Authenticate(t.Context(), material)
		k.want(err, testkit.OK, 1)
		if result.Renewed == nil {
			t.Error("the session was not renewed")
		}
	})
	run(t, "panic of Logout while a grant is revoked", testkit.Config{}, func(t *testing.T, k *kit) {
		material := k.Expired("ann@example.com")
		k.fetchKeys()
		k.Fake.SetLatency(crossminttest.Refresh, second)
		m := k.managerWith(changedUpstream{logout: func(context.Context, session.Secret) error { panic(canary) }})
		refreshed := make(chan error)
		go func() {
			_, err := m.Authenticate(t.Context(), material)
			refreshed <- err
		}()
		synctest.Wait()
		_ = m.Logout(t.Context(), material, none)
		if err := <-refreshed; testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the refresh: %v", err)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if n := k.Count(event.Panicked); n != 2 { // the logout, and the revocation of the grant
			t.Errorf("%d panics are reported; events = %v", n, k.Outcomes())
		}
	})
	run(t, "an upstream that returns neither a grant nor an error", testkit.Config{}, func(t *testing.T, k *kit) {
		material := k.Expired("ann@example.com")
		m := k.managerWith(changedUpstream{refresh: func(context.Context, session.Secret) (*session.Grant, error) { return nil, nil }})
		wantOutage(t, k, m, material)
	})
}
