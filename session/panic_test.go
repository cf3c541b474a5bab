package session_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// A hook that panics on every event changes no outcome.
func TestPanicInTheHook(t *testing.T) {
	expired := func(k *kit) session.Material { return k.Expired("ann@example.com") }
	tests := []struct {
		name     string
		fault    crossminttest.Fault
		material func(k *kit) session.Material
		want     string
	}{
		{name: "renewed", material: expired, want: testkit.OK},
		{name: "refused", fault: testkit.RejectedByUpstream(), material: expired, want: testkit.AskAgain},
		{name: "unavailable", fault: testkit.BadGateway(), material: expired, want: testkit.Unavailable},
		{name: "a bad API key", fault: crossminttest.Status(403, "", `{}`), material: expired, want: testkit.Unavailable},
		{name: "no tokens", material: func(*kit) session.Material { return session.Material{} }, want: testkit.Rejected},
	}
	for _, test := range tests {
		run(t, test.name, testkit.Config{}, func(t *testing.T, k *kit) {
			m := k.NewManager(session.Config{Logger: testkit.DiscardLogger(), OnEvent: func(context.Context, event.Event) { panic("hook") }})
			k.Fake.FailAlways(crossminttest.Refresh, test.fault)
			material := test.material(k)
			if _, err := m.Authenticate(t.Context(), material); testkit.Outcome(err) != test.want {
				t.Errorf("outcome %s (%v), want %s", testkit.Outcome(err), err, test.want)
			}
			if err := m.Logout(t.Context(), k.SignIn("bob@example.com"), none); err != nil {
				t.Errorf("logout: %v", err)
			}
			wantIdle(t, m)
		})
	}
}

// The upstream calls of a logout run in goroutines of their own, where a panic
// would end the process.
func TestPanicInTheLogout(t *testing.T) {
	run(t, "is an error, and is reported", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.managerWith(changedUpstream{logout: func(context.Context, session.Secret) error { panic("logout") }})
		pair := k.SignIn("ann@example.com")
		if err := m.Logout(t.Context(), pair, none); testkit.Outcome(err) != testkit.Unavailable || !k.Has(event.Panicked) {
			t.Errorf("err = %v, events = %v", err, k.Outcomes())
		}
		if !k.Has(event.LogoutFailed) {
			t.Errorf("events = %v", k.Outcomes())
		}
		for _, e := range k.All() {
			if e.Op != "logout" {
				t.Errorf("%s has the Op %q: %v", e.Outcome, e.Op, e.Err)
			}
		}
		if _, err := m.Authenticate(t.Context(), pair); testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the session has not ended here: %v", err)
		}
	})
}

// panickingHandler is a handler of log/slog that panics on every record.
type panickingHandler struct{ slog.Handler }

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("handler") }

// A logger that panics ends neither the process nor a request, in a refresh or in
// a fetch of the signing keys.
func TestPanicInTheLogger(t *testing.T) {
	logger := slog.New(panickingHandler{slog.DiscardHandler})
	run(t, "in a refresh", testkit.Config{}, func(t *testing.T, k *kit) {
		m, err := session.NewManager(session.Config{Upstream: k.Client, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = m.Close(context.Background()) }()
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Status(403, "", `{}`))
		_, err = m.Authenticate(t.Context(), k.Expired("ann@example.com"))
		k.want(err, testkit.Unavailable, 1)
	})
	run(t, "in a fetch of the keys", testkit.Config{}, func(t *testing.T, k *kit) {
		client := k.NewClient(func(c *crossmint.Config) { c.Logger = logger })
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		if err := client.Preload(t.Context()); err == nil {
			t.Error("Preload succeeds without keys")
		}
	})
}
