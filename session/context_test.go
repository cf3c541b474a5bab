package session_test

import (
	"context"
	"errors"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestNewContext(t *testing.T) {
	if s, ok := session.FromContext(t.Context()); ok || s != nil || session.ErrorFromContext(t.Context()) != nil {
		t.Error("a context without a middleware has a session, or an error")
	}
	want := &session.AuthSession{UserID: "u", RefreshToken: session.RefreshToken{ExpiresAt: "soon"}}
	ctx := session.NewContext(t.Context(), want)
	got, ok := session.FromContext(ctx)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(session.AuthSession{})); !ok || diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if err := session.ErrorFromContext(ctx); err != nil {
		t.Errorf("a context with a session has the error %v", err)
	}
	for name, hidden := range map[string]context.Context{
		"a nil session": session.NewContext(ctx, nil),
		"a zero Result": session.Result{}.NewContext(ctx, nil),
	} {
		if _, ok := session.FromContext(hidden); ok || session.ErrorFromContext(hidden) != nil {
			t.Errorf("%s does not hide the session, or has an error", name)
		}
	}
}

func TestResultNewContext(t *testing.T) {
	run(t, "a session", testkit.Config{}, func(t *testing.T, k *kit) {
		result, err := k.authenticate(k.SignIn("ann@example.com"))
		testkit.NoError(t, err)
		ctx := result.NewContext(t.Context(), nil)
		if s, ok := session.FromContext(ctx); !ok || s.UserID != result.Session.UserID || session.ErrorFromContext(ctx) != nil {
			t.Errorf("%v, %v, error %v", s, ok, session.ErrorFromContext(ctx))
		}
	})
	run(t, "an error", testkit.Config{}, func(t *testing.T, k *kit) {
		result, want := k.authenticate(session.Material{})
		ctx := result.NewContext(t.Context(), nil)
		if _, ok := session.FromContext(ctx); ok || !errors.Is(session.ErrorFromContext(ctx), want) {
			t.Errorf("a session: %v; error %v, want %v", ok, session.ErrorFromContext(ctx), want)
		}
	})
	run(t, "a session that could not be stored", testkit.Config{}, func(t *testing.T, k *kit) {
		result, err := k.authenticate(k.SignIn("ann@example.com"))
		testkit.NoError(t, err)
		for _, cause := range []error{errors.New("too long for a cookie")} {
			ctx := result.NewContext(t.Context(), cause)
			if _, ok := session.FromContext(ctx); ok {
				t.Errorf("with the cause %v there is a session", cause)
			}
			if err := session.ErrorFromContext(ctx); !errors.Is(err, cause) {
				t.Errorf("with the cause %v the error is %v", cause, err)
			}
			if resumed, err, ok := k.Resume(ctx, false); resumed.Session != nil || !errors.Is(err, cause) || !ok {
				t.Errorf("with the cause %v Resume returns %v, %v, %v", cause, resumed.Session, err, ok)
			}
		}
	})
}

func TestResume(t *testing.T) {
	run(t, "only outcomes of the same manager count", testkit.Config{}, func(t *testing.T, k *kit) {
		other := k.NewManager(session.Config{})
		result, err := k.authenticate(k.SignIn("ann@example.com"))
		testkit.NoError(t, err)
		rejected, rejection := k.authenticate(session.Material{})
		tests := []struct {
			name    string
			ctx     context.Context
			manager *session.Manager
			userID  string
			err     error
			ok      bool
		}{
			{name: "a session", ctx: result.NewContext(t.Context(), nil), manager: k.Manager, userID: result.Session.UserID, ok: true},
			{name: "an error", ctx: rejected.NewContext(t.Context(), nil), manager: k.Manager, err: rejection, ok: true},
			{name: "another manager's", ctx: result.NewContext(t.Context(), nil), manager: other},
			{name: "NewContext's", ctx: session.NewContext(t.Context(), result.Session), manager: k.Manager},
			{name: "none", ctx: t.Context(), manager: k.Manager},
		}
		for _, test := range tests {
			got, err, ok := test.manager.Resume(test.ctx, false)
			userID := ""
			if got.Session != nil {
				userID = got.Session.UserID
			}
			if userID != test.userID || !errors.Is(err, test.err) || ok != test.ok {
				t.Errorf("%s: user %q, %v, %v", test.name, userID, err, ok)
			}
			if _, found := session.FromContext(got.NewContext(test.ctx, nil)); ok && found != (test.err == nil) {
				t.Errorf("%s: the resumed context has a session: %v", test.name, found)
			}
		}
	})
}
