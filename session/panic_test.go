package session_test

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// A panic in the refresh is an outage to those who wait for it, and nothing
// to those who come later.
func TestPanicInTheRefresh(t *testing.T) {
	in(t, "frees the waiters", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		pair := pairOf(w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com")))
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		var once sync.Once
		m := w.managerOf(t, func(ctx context.Context, token session.Secret) (*session.Grant, error) {
			once.Do(func() {
				time.Sleep(second)
				panic(canary)
			})
			return w.client.Refresh(ctx, token)
		})
		var herd sync.WaitGroup
		for range 50 {
			herd.Go(func() {
				if _, err := m.Authenticate(t.Context(), pair()); kind(err) != "KEEP503" {
					t.Errorf("who waited: %v", err)
				}
			})
		}
		herd.Wait()
		w.want(nil, "OK", 0)
		if !w.reported(session.Panicked) {
			t.Errorf("events = %v", w.outcomes())
		}
		if h := m.Health(); h.RefreshesInFlight != 0 || h.Waiting != 0 {
			t.Errorf("left over: %+v", h)
		}
		_, err := m.Authenticate(t.Context(), pair())
		w.want(err, "OK", 1)
	})
}

// A hook that panics at whatever it is told changes no outcome.
func TestPanicInTheHook(t *testing.T) {
	outcomes := map[string]struct {
		fault crossminttest.Fault
		bring func(w *world) session.Material
		want  string
	}{
		"renewed":       {crossminttest.Fault{}, func(w *world) session.Material { return w.expired("ann@example.com") }, "OK"},
		"refused":       {refusing(), func(w *world) session.Material { return w.expired("ann@example.com") }, "CLEAR"},
		"undecided":     {down(), func(w *world) session.Material { return w.expired("ann@example.com") }, "KEEP503"},
		"a bad API key": {crossminttest.Status(403, "", `{}`), func(w *world) session.Material { return w.expired("ann@example.com") }, "KEEP503"},
		"nothing there": {crossminttest.Fault{}, func(*world) session.Material { return session.Material{} }, "KEEP401"},
	}
	for name, test := range outcomes {
		in(t, name, crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
			m, err := session.NewManager(session.Config{Upstream: w.client, Logger: slog.New(slog.DiscardHandler),
				OnEvent: func(context.Context, session.Event) { panic("hook") }})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = m.Close(context.Background()) }()
			w.fake.FailAlways(crossminttest.Refresh, test.fault)
			material := test.bring(w)
			if _, err := m.Authenticate(t.Context(), material); kind(err) != test.want {
				t.Errorf("outcome %s (%v), want %s", kind(err), err, test.want)
			}
			if err := m.Logout(t.Context(), w.signIn("bob@example.com"), session.Secret{}); err != nil {
				t.Errorf("logout: %v", err)
			}
			if h := m.Health(); h.RefreshesInFlight != 0 || h.Waiting != 0 {
				t.Errorf("left over: %+v", h)
			}
		})
	}
}

// leaky is an upstream whose logout panics.
type leaky struct{ session.Upstream }

func (leaky) Logout(context.Context, session.Secret) error { panic("logout") }

// The panic would end the process: the calls of a logout run beside each
// other.
func TestPanicInTheLogout(t *testing.T) {
	in(t, "is an error", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m, err := session.NewManager(session.Config{Upstream: leaky{w.client}, OnEvent: w.note})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = m.Close(context.Background()) }()
		pair := pairOf(w.fake.Grant(w.fake.NewUser("ann@example.com")))
		if err := m.Logout(t.Context(), pair(), session.Secret{}); kind(err) != "KEEP503" || !w.reported(session.Panicked) {
			t.Errorf("err = %v, events = %v", err, w.outcomes())
		}
		if _, err := m.Authenticate(t.Context(), pair()); kind(err) != "KEEP401" {
			t.Errorf("the session is over here all the same, yet: %v", err)
		}
	})
}

// Goexit is what t.FailNow does in a transport: it ends the goroutine without a
// panic.
func TestGoexitInTheRefresh(t *testing.T) {
	in(t, "frees the waiters", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		pair := pairOf(w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com")))
		_, _ = w.authenticate(w.signIn("warm@example.com"))
		var gone atomic.Bool
		m := w.managerOf(t, func(ctx context.Context, token session.Secret) (*session.Grant, error) {
			if gone.CompareAndSwap(false, true) {
				runtime.Goexit()
			}
			return w.client.Refresh(ctx, token)
		})
		_, err := m.Authenticate(t.Context(), pair())
		w.want(err, "KEEP503", 0)
		if h := m.Health(); h.RefreshesInFlight != 0 {
			t.Errorf("left over: %+v", h)
		}
		_, err = m.Authenticate(t.Context(), pair())
		w.want(err, "OK", 1)
	})
}

// A panic in a logout says so, and its event tells that upstream does not know.
func TestPanicInTheLogoutIsReported(t *testing.T) {
	in(t, "as what it is", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m, err := session.NewManager(session.Config{Upstream: leaky{w.client}, OnEvent: w.note})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = m.Close(context.Background()) }()
		_ = m.Logout(t.Context(), w.signIn("ann@example.com"), session.Secret{})
		for _, e := range w.events {
			if e.Op != "logout" {
				t.Errorf("%s has the Op %q: %v", e.Outcome, e.Op, e.Err)
			}
		}
		if !w.reported(session.LogoutFailed) {
			t.Errorf("events = %v", w.outcomes())
		}
	})
}

// faulty is a handler of log/slog that panics at whatever it is given.
type faulty struct{ slog.Handler }

func (faulty) Enabled(context.Context, slog.Level) bool  { return true }
func (faulty) Handle(context.Context, slog.Record) error { panic("handler") }

// A logger that panics ends neither the process nor a request, wherever it is
// called: for a flight, or for a fetch of the keys.
func TestPanicInTheLogger(t *testing.T) {
	logger := slog.New(faulty{slog.DiscardHandler})
	in(t, "in a refresh", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m, err := session.NewManager(session.Config{Upstream: w.client, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = m.Close(context.Background()) }()
		w.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(403, "", `{}`))
		_, err = m.Authenticate(t.Context(), w.expired("ann@example.com"))
		w.want(err, "KEEP503", 1)
	})
	in(t, "in a fetch of the keys", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		config := w.fake.Config()
		config.Logger = logger
		client, err := crossmint.NewClient(config)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		w.fake.FailAlways(crossminttest.JWKS, down())
		if err := client.Preload(t.Context()); err == nil {
			t.Error("keys, though none can be fetched")
		}
	})
}
