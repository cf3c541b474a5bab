package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// opened returns the context of a connection that a request with m opened.
func (w *world) opened(m session.Material) (context.Context, *session.AuthSession) {
	w.t.Helper()
	result, err := w.authenticate(m)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, end := w.SessionContext(w.t.Context(), result.Session)
	w.t.Cleanup(end)
	return ctx, result.Session
}

func TestSessionContext(t *testing.T) {
	in(t, "ends with the JWT", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		ctx, s := w.opened(w.signIn("ann@example.com"))
		<-ctx.Done()
		if !time.Now().Equal(s.ExpiresAt()) || !errors.Is(context.Cause(ctx), session.ErrJWTExpired) {
			t.Errorf("ended at %v by %v, want %v", time.Now(), context.Cause(ctx), s.ExpiresAt())
		}
	})
	in(t, "ends at its user's logout and at nobody else's", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		ann := w.signIn("ann@example.com")
		one, _ := w.opened(ann)
		elsewhere, _ := w.opened(w.signIn("ann@example.com"))
		other, _ := w.opened(w.signIn("bob@example.com"))
		if err := w.Logout(t.Context(), ann, session.Secret{}); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(context.Cause(one), session.ErrLoggedOut) || !errors.Is(context.Cause(elsewhere), session.ErrLoggedOut) || other.Err() != nil {
			t.Errorf("causes: %v, %v; another user's: %v", context.Cause(one), context.Cause(elsewhere), other.Err())
		}
	})
	in(t, "ends at a logout after the browser's JWT was renewed", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		first := w.signIn("ann@example.com")
		ctx, _ := w.opened(first)
		second, err := w.Refresh(t.Context(), first, session.Secret{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Logout(t.Context(), materialOf(second.Session), session.Secret{}); err != nil {
			t.Fatal(err)
		}
		if ctx.Err() == nil {
			t.Error("it goes on")
		}
	})
	in(t, "ends at once where the user has logged out since the request", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m := w.signIn("ann@example.com")
		result, err := w.authenticate(m)
		if err != nil {
			t.Fatal(err)
		}
		_ = w.Logout(t.Context(), m, session.Secret{})
		ctx, end := w.SessionContext(t.Context(), result.Session)
		defer end()
		if ctx.Err() == nil {
			t.Error("it goes on")
		}
	})
	in(t, "outlasts an outage, a made-up logout and the manager", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		ctx, s := w.opened(w.signIn("ann@example.com"))
		w.fake.Down()
		_ = w.Logout(t.Context(), session.NewMaterial(w.fake.ForgedJWT(session.User{ID: s.UserID}), "made up"), session.Secret{})
		_ = w.Close(t.Context())
		time.Sleep(time.Until(s.ExpiresAt()) - second)
		if ctx.Err() != nil {
			t.Errorf("ended by %v", context.Cause(ctx))
		}
	})
	in(t, "leaves nothing behind", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		result, err := w.authenticate(w.signIn("ann@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			_, end := w.SessionContext(t.Context(), result.Session)
			end()
		}
		synctest.Wait()
		if open := w.Connections(); open != 0 {
			t.Errorf("%d connections are remembered", open)
		}
	})
}

func materialOf(s *session.AuthSession) session.Material {
	return session.NewMaterial(s.JWT.Reveal(), s.RefreshToken.Secret.Reveal())
}

func TestSessionContextOfALogoutWithoutTheJWT(t *testing.T) {
	in(t, "ends by what follows the refresh token", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		g := w.fake.Grant(w.fake.NewUser("ann@example.com"))
		only := func() session.Material { return session.NewMaterial("", g.RefreshToken.Secret.Reveal()) }
		ctx, _ := w.opened(only())
		if err := w.Logout(t.Context(), only(), session.Secret{}); err != nil {
			t.Fatal(err)
		}
		if cause := context.Cause(ctx); !errors.Is(cause, session.ErrLoggedOut) {
			t.Errorf("cause = %v", cause)
		}
	})
	in(t, "opened after it, tells the logout", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		pair := pairOf(w.fake.Grant(w.fake.NewUser("ann@example.com")))
		result, err := w.authenticate(pair())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Logout(t.Context(), pair(), session.Secret{}); err != nil {
			t.Fatal(err)
		}
		ctx, end := w.SessionContext(t.Context(), result.Session)
		defer end()
		if cause := context.Cause(ctx); !errors.Is(cause, session.ErrLoggedOut) {
			t.Errorf("cause = %v", cause)
		}
	})
}
