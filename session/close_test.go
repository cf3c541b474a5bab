package session_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/session"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
)

func TestClose(t *testing.T) {
	run(t, "lets a refresh finish for all its callers", testkit.Config{}, func(t *testing.T, k *kit) {
		pair := k.Expired("ann@example.com")
		k.fetchKeys()
		k.Fake.SetLatency(crossminttest.Refresh, 9*second)
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				if result, err := k.authenticate(pair); err != nil || result.Renewed == nil {
					t.Errorf("a waiting request: %v", err)
				}
			})
		}
		synctest.Wait()
		started := time.Now()
		if err := k.Close(t.Context()); err != nil || time.Since(started) != 9*second {
			t.Errorf("Close = %v after %v", err, time.Since(started))
		}
		callers.Wait()
		k.want(nil, testkit.OK, 1)
	})
	run(t, "waits ten seconds at most, and cancels the refresh then", testkit.Config{}, func(t *testing.T, k *kit) {
		var ended atomic.Bool
		m := k.managerWith(changedUpstream{refresh: func(ctx context.Context, _ session.Secret) (*session.Grant, error) {
			<-ctx.Done()
			time.Sleep(100 * ms)
			ended.Store(true)
			return nil, &session.UpstreamError{Err: ctx.Err()}
		}})
		result := make(chan error)
		go func() {
			_, err := m.Refresh(context.Background(), k.Expired("ann@example.com"), none)
			result <- err
		}()
		synctest.Wait()
		started := time.Now()
		if err := m.Close(context.Background()); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != 10*second+100*ms {
			t.Errorf("Close = %v after %v", err, time.Since(started))
		}
		if !ended.Load() {
			t.Error("the refresh runs after Close")
		}
		if err := <-result; testkit.Outcome(err) != testkit.Unavailable {
			t.Errorf("a waiting request: %v", err)
		}
	})
	run(t, "waits no longer than its context", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		k.fetchKeys()
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		result := make(chan error)
		go func() {
			_, err := k.authenticate(m)
			result <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		started := time.Now()
		if err := k.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != second {
			t.Errorf("Close = %v after %v", err, time.Since(started))
		}
		if err := <-result; testkit.Outcome(err) != testkit.Unavailable {
			t.Errorf("a waiting request: %v", err)
		}
	})
	run(t, "waits for the revocation of a grant", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.ExpiredGrant(user))
		k.fetchKeys()
		k.Fake.Fail(crossminttest.Refresh, crossminttest.Delay(second))
		go func() { _, _ = k.authenticate(pair) }()
		synctest.Wait()
		_ = k.Logout(t.Context(), pair, none)
		k.Fake.SetLatency(crossminttest.Logout, 2*second)
		if err := k.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		k.wantAlive(user, 0)
	})
}

func TestAfterClose(t *testing.T) {
	run(t, "valid JWTs pass, refreshes fail, logouts work", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		valid, expired := testkit.Material(k.Fake.Grant(user)), k.Expired("bob@example.com")
		late := k.Expired("cy@example.com")
		_, err := k.authenticate(late)
		k.want(err, testkit.OK, 1)
		for range 2 {
			if err := k.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		_, err = k.authenticate(valid)
		k.want(err, testkit.OK, 1)
		_, err = k.authenticate(expired)
		k.want(err, testkit.Unavailable, 1)
		_ = k.Logout(t.Context(), valid, none)
		k.wantAlive(user, 0)
	})
}

// A refresh has a timeout of its own, and the next one can start after it.
func TestRefreshThatHangs(t *testing.T) {
	run(t, "is canceled", testkit.Config{}, func(t *testing.T, k *kit) {
		pair := testkit.Material(k.Fake.ExpiredGrant(k.Fake.NewUser("ann@example.com")))
		hangs := true
		m := k.managerWith(changedUpstream{refresh: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
			if hangs {
				<-ctx.Done()
				return nil, &session.UpstreamError{Err: ctx.Err()}
			}
			return k.Client.Refresh(ctx, token)
		}})
		_, err := m.Authenticate(t.Context(), pair)
		k.want(err, testkit.Unavailable, 0)
		if h := m.Health(); h.RefreshesInFlight != 1 || h.Waiting != 0 {
			t.Errorf("after ten seconds: %+v", h)
		}
		time.Sleep(26 * second)
		if h := m.Health(); h.RefreshesInFlight != 0 {
			t.Errorf("after 36 seconds: %+v", h)
		}
		hangs = false
		_, err = m.Authenticate(t.Context(), pair)
		k.want(err, testkit.OK, 1)
	})
}

// closedCoordinator counts how often it is closed.
type closedCoordinator struct {
	session.Coordinator
	closed int
}

func (c *closedCoordinator) Close(context.Context) error {
	c.closed++
	return errors.New("the store is gone")
}

func TestCloseClosesTheCoordinator(t *testing.T) {
	run(t, "and returns its error", testkit.Config{}, func(t *testing.T, k *kit) {
		fleet := &closedCoordinator{}
		m, err := session.NewManager(session.Config{Upstream: k.Client, Coordinator: fleet})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(t.Context()); err == nil || fleet.closed != 1 {
			t.Errorf("Close = %v, closed %d times", err, fleet.closed)
		}
	})
}

// hangingCoordinator returns the error of its context, which its callers get as
// ErrUnavailable.
type hangingCoordinator struct{ session.Coordinator }

func (hangingCoordinator) Do(ctx context.Context, _ session.Secret, _ session.UpstreamCalls) (session.Shared, error) {
	<-ctx.Done()
	return session.Shared{}, ctx.Err()
}

func (hangingCoordinator) Close(context.Context) error { return nil }

func TestCloseCancelsTheCoordinator(t *testing.T) {
	run(t, "and its callers get ErrUnavailable", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.NewManager(session.Config{Coordinator: hangingCoordinator{}})
		material := k.Expired("ann@example.com")
		time.AfterFunc(second, func() {
			ctx, cancel := context.WithTimeout(context.Background(), second)
			defer cancel()
			_ = m.Close(ctx)
		})
		_, err := m.Authenticate(t.Context(), material)
		k.want(err, testkit.Unavailable, 0)
	})
}

func TestCloseWithATransportThatIgnoresItsContext(t *testing.T) {
	run(t, "waits a second more at most", testkit.Config{}, func(t *testing.T, k *kit) {
		end := make(chan struct{})
		m := k.managerWith(changedUpstream{refresh: func(context.Context, session.Secret) (*session.Grant, error) {
			<-end
			return nil, &session.UpstreamError{}
		}})
		defer synctest.Wait()
		defer close(end)
		material := k.Expired("ann@example.com")
		go func() { _, _ = m.Authenticate(t.Context(), material) }()
		time.Sleep(second)
		started := time.Now()
		err := m.Close(context.Background())
		if took := time.Since(started); took > 11*second || err == nil {
			t.Errorf("Close took %v: %v", took, err)
		}
	})
}
