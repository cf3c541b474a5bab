package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a manager in front of a fake upstream, in a bubble's time.
type world struct {
	*session.Manager
	t      *testing.T
	fake   *crossminttest.Server
	client *crossmint.Client

	mu     sync.Mutex
	events []session.Event
}

// in runs a test in a bubble with a world of its own.
func in(t *testing.T, name string, fake crossminttest.Config, config session.Config, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, fake, config)) })
	})
}

func newWorld(t *testing.T, fakeConfig crossminttest.Config, config session.Config) *world {
	t.Helper()
	fakeConfig.InMemory = true
	fake, err := crossminttest.New(fakeConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	client := newClient(t, fake)
	w := &world{t: t, fake: fake, client: client}
	config.Upstream = client
	config.OnEvent = w.note
	if w.Manager, err = session.NewManager(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	return w
}

func newClient(t *testing.T, fake *crossminttest.Server) *crossmint.Client {
	t.Helper()
	client, err := crossmint.NewClient(fake.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (w *world) note(_ context.Context, e session.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// outcomes returns what was reported so far.
func (w *world) outcomes() (outcomes []session.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		outcomes = append(outcomes, e.Outcome)
	}
	return outcomes
}

func (w *world) reported(outcome session.Outcome) bool { return slices.Contains(w.outcomes(), outcome) }

// signIn returns the material of a user who has just signed in.
func (w *world) signIn(email string) session.Material {
	g := w.fake.Grant(w.fake.NewUser(email))
	return session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
}

// expired returns the material of a user whose JWT has expired.
func (w *world) expired(email string) session.Material {
	g := w.fake.ExpiredGrant(w.fake.NewUser(email))
	return session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
}

// made returns the material of somebody who makes tokens up.
func made(name string) session.Material { return session.NewMaterial("", "made-up-"+name) }

func (w *world) authenticate(m session.Material) (session.Result, error) {
	return w.Authenticate(w.t.Context(), m)
}

// kind puts an error into the words of the outcome table.
func kind(err error) string {
	var rejected *session.AuthenticationError
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, &rejected) && rejected.Clear:
		return "CLEAR"
	case rejected != nil:
		return "KEEP401"
	case errors.Is(err, session.ErrUnavailable):
		return "KEEP503"
	}
	return "unknown: " + err.Error()
}

// want checks the outcome of an attempt and how often upstream was asked.
func (w *world) want(err error, outcome string, refreshes int) {
	w.t.Helper()
	if got := kind(err); got != outcome {
		w.t.Errorf("outcome %s (%v), want %s", got, err, outcome)
	}
	if calls := w.fake.Calls().Refresh; calls != refreshes {
		w.t.Errorf("upstream was asked %d times, want %d", calls, refreshes)
	}
}

// refusing is an answer by which upstream refuses a token.
func refusing() crossminttest.Fault {
	return crossminttest.Status(http.StatusUnauthorized, "application/json", `{"error":"Unauthorized"}`)
}

// down is an answer that says nothing about a token.
func down() crossminttest.Fault {
	return crossminttest.Status(http.StatusBadGateway, "text/html", "<html>")
}

const second = time.Second
