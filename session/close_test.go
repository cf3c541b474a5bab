package session_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// behind is an upstream with another refresh than that of the fake.
type behind struct {
	session.Upstream
	refresh func(ctx context.Context, token session.Secret) (*session.Grant, error)
}

func (b behind) Refresh(ctx context.Context, token session.Secret) (*session.Grant, error) {
	return b.refresh(ctx, token)
}

// managerOf returns a manager whose refreshes go another way than the fake's.
func (w *world) managerOf(t *testing.T, refresh func(context.Context, session.Secret) (*session.Grant, error)) *session.Manager {
	t.Helper()
	m, err := session.NewManager(session.Config{Upstream: behind{w.client, refresh}, OnEvent: w.note})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

func TestClose(t *testing.T) {
	in(t, "lets a refresh finish, and all who wait have it", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		pair := pairOf(w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com")))
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.SetLatency(crossminttest.Refresh, 9*second)
		var herd sync.WaitGroup
		for range 50 {
			herd.Go(func() {
				if result, err := w.authenticate(pair()); err != nil || result.Renewed == nil {
					t.Errorf("who waited: %v", err)
				}
			})
		}
		synctest.Wait()
		started := time.Now()
		if err := w.Close(t.Context()); err != nil || time.Since(started) != 9*second {
			t.Errorf("Close = %v after %v", err, time.Since(started))
		}
		herd.Wait()
		w.want(nil, "OK", 1)
	})
	in(t, "waits ten seconds at most, and ends what runs then", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		var ended atomic.Bool
		m := w.managerOf(t, func(ctx context.Context, _ session.Secret) (*session.Grant, error) {
			<-ctx.Done()
			time.Sleep(100 * ms)
			ended.Store(true)
			return nil, &session.UpstreamError{Delivery: session.TimedOut, Err: ctx.Err()}
		})
		result := make(chan error)
		go func() {
			_, err := m.Refresh(context.Background(), w.expired("ann@example.com"), session.Secret{})
			result <- err
		}()
		synctest.Wait()
		started := time.Now()
		if err := m.Close(context.Background()); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != 10*second+100*ms {
			t.Errorf("Close = %v after %v", err, time.Since(started))
		}
		if !ended.Load() {
			t.Error("a refresh outlives Close")
		}
		if err := <-result; kind(err) != "KEEP503" {
			t.Errorf("who waited: %v", err)
		}
	})
	in(t, "waits no longer than its caller wants", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m := w.expired("ann@example.com")
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		result := make(chan error)
		go func() {
			_, err := w.authenticate(m)
			result <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		started := time.Now()
		if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != second {
			t.Errorf("Close = %v after %v", err, time.Since(started))
		}
		if err := <-result; kind(err) != "KEEP503" {
			t.Errorf("who waited: %v", err)
		}
	})
	in(t, "waits for what a logout has revoked", crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		pair := pairOf(w.fake.ExpiredGrant(user))
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		w.fake.Fail(crossminttest.Refresh, crossminttest.Delay(second))
		go func() { _, _ = w.authenticate(pair()) }()
		synctest.Wait()
		_ = w.Logout(t.Context(), pair(), session.Secret{})
		w.fake.SetLatency(crossminttest.Logout, 2*second)
		if err := w.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if live := w.fake.LiveOf(user.ID); live != 0 {
			t.Errorf("%d refresh tokens live on", live)
		}
	})
}

func TestAfterClose(t *testing.T) {
	in(t, "valid JWTs pass, nothing is refreshed, logouts work", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		valid, expired := pairOf(w.fake.Grant(user)), w.expired("bob@example.com")
		late := w.expired("cy@example.com")
		_, err := w.authenticate(late)
		w.want(err, "OK", 1)
		for range 2 {
			if err := w.Close(t.Context()); err != nil {
				t.Errorf("Close = %v", err)
			}
		}
		_, err = w.authenticate(valid())
		w.want(err, "OK", 1)
		_, err = w.authenticate(expired)
		w.want(err, "KEEP503", 1)
		_ = w.Logout(t.Context(), valid(), session.Secret{})
		if live := w.fake.LiveOf(user.ID); live != 0 {
			t.Errorf("%d refresh tokens live on", live)
		}
	})
}

// Whatever upstream's client does, a refresh is over after a while, and the
// next one may begin.
func TestRefreshThatNeverEnds(t *testing.T) {
	in(t, "is ended", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		pair := pairOf(w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com")))
		hangs := true
		m := w.managerOf(t, func(ctx context.Context, token session.Secret) (*session.Grant, error) {
			if hangs {
				<-ctx.Done()
				return nil, &session.UpstreamError{Delivery: session.TimedOut, Err: ctx.Err()}
			}
			return w.client.Refresh(ctx, token)
		})
		_, err := m.Authenticate(t.Context(), pair())
		w.want(err, "KEEP503", 0)
		if h := m.Health(); h.RefreshesInFlight != 1 || h.Waiting != 0 {
			t.Errorf("after ten seconds: %+v", h)
		}
		time.Sleep(26 * second)
		if h := m.Health(); h.RefreshesInFlight != 0 {
			t.Errorf("after 36 seconds: %+v", h)
		}
		hangs = false
		_, err = m.Authenticate(t.Context(), pair())
		w.want(err, "OK", 1)
	})
}

// closing counts how often it is closed.
type closing struct {
	session.Coordinator
	closed int
}

func (c *closing) Close(context.Context) error {
	c.closed++
	return errors.New("the store is gone")
}

func TestCloseReachesTheFleetsCoordinator(t *testing.T) {
	in(t, "and its error comes back", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		fleet := &closing{}
		m, err := session.NewManager(session.Config{Upstream: w.client, Coordinator: fleet})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(t.Context()); err == nil || fleet.closed != 1 {
			t.Errorf("Close = %v, closed %d times", err, fleet.closed)
		}
	})
}

// A coordinator may return its context's error: to those who wait that is an
// outage, not a fault of ours.
type patient struct{ session.Coordinator }

func (patient) Do(ctx context.Context, _ session.Secret, _ session.Work) (session.Shared, error) {
	<-ctx.Done()
	return session.Shared{}, ctx.Err()
}

func (patient) Close(context.Context) error { return nil }

func TestCloseEndsAFleetsRefresh(t *testing.T) {
	in(t, "as an outage", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m, err := session.NewManager(session.Config{Upstream: w.client, Coordinator: patient{}, OnEvent: w.note})
		if err != nil {
			t.Fatal(err)
		}
		material := w.expired("ann@example.com")
		time.AfterFunc(second, func() {
			ctx, cancel := context.WithTimeout(context.Background(), second)
			defer cancel()
			_ = m.Close(ctx)
		})
		_, err = m.Authenticate(t.Context(), material)
		w.want(err, "KEEP503", 0)
	})
}

func TestCloseDoesNotWaitForATransportThatHeedsNoContext(t *testing.T) {
	in(t, "longer than for a moment", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		end := make(chan struct{})
		m := w.managerOf(t, func(context.Context, session.Secret) (*session.Grant, error) {
			<-end
			return nil, &session.UpstreamError{}
		})
		defer synctest.Wait()
		defer close(end)
		material := w.expired("ann@example.com")
		go func() { _, _ = m.Authenticate(t.Context(), material) }()
		time.Sleep(second)
		started := time.Now()
		err := m.Close(context.Background())
		if took := time.Since(started); took > 11*second || err == nil {
			t.Errorf("Close took %v: %v", took, err)
		}
	})
}
