package session_test

import (
	"context"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// room is what a middleware keeps beside a session, such as a request with all
// that was uploaded.
type room [1 << 20]byte

// gone reports whether the collector takes what w points to.
func gone(w weak.Pointer[room]) bool {
	for range 10 {
		runtime.GC()
		if w.Value() == nil {
			return true
		}
	}
	return false
}

// admitted authenticates a user beside a room.
func admitted(t *testing.T, m *session.Manager, g session.Grant) (*session.AuthSession, weak.Pointer[room]) {
	t.Helper()
	material, beside := session.NewMaterialWithRoom[room](g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
	result, err := m.Authenticate(t.Context(), material)
	if err != nil {
		t.Fatal(err)
	}
	return result.Session, weak.Make(beside)
}

func TestCloneKeepsNothingElse(t *testing.T) {
	fake, client := upstream(t)
	m := newManager(t, client, nil)
	g := fake.Grant(fake.NewUser("ann@example.com"))
	kept, beside := admitted(t, m, g)
	if gone(beside) {
		t.Error("the room is gone while its session is there: this test shows nothing")
	}
	kept = kept.Clone()
	if kept.UserID == "" || !kept.JWT.Equal(g.JWT) || !kept.RefreshToken.Secret.Equal(g.RefreshToken.Secret) {
		t.Errorf("the clone is another session: %+v", kept)
	}
	if !gone(beside) {
		t.Error("a clone keeps the room")
	}
	runtime.KeepAlive(kept)
}

// hoarder is a coordinator that keeps every token, as one does that cannot tell
// its store.
type hoarder struct {
	session.Coordinator
	tokens []session.Secret
}

func (h *hoarder) Do(ctx context.Context, token session.Secret, w session.Work) (session.Shared, error) {
	h.tokens = append(h.tokens, token)
	g, err := w.Ask(ctx, token)
	return session.Shared{Grant: g}, err
}

func (*hoarder) Close(context.Context) error { return nil }

func TestCoordinatorsTokenKeepsNothingElse(t *testing.T) {
	fake, client := upstream(t)
	h := &hoarder{}
	m := newManager(t, client, h)
	_, beside := admitted(t, m, fake.ExpiredGrant(fake.NewUser("ann@example.com")))
	if len(h.tokens) != 1 || !gone(beside) {
		t.Errorf("one of %d tokens keeps the room", len(h.tokens))
	}
	runtime.KeepAlive(h)
}

func upstream(t *testing.T) (*crossminttest.Server, *crossmint.Client) {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return fake, newClient(t, fake)
}

func newManager(t *testing.T, client *crossmint.Client, c session.Coordinator) *session.Manager {
	t.Helper()
	m, err := session.NewManager(session.Config{Upstream: client, Coordinator: c, OnEvent: func(context.Context, session.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = m.Close(ctx)
	})
	return m
}
