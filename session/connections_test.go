package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
)

// connect returns the context of a connection that a request with m opens.
func (k *kit) connect(m session.Material) (context.Context, *session.AuthSession) {
	k.t.Helper()
	result, err := k.authenticate(m)
	if err != nil {
		k.t.Fatal(err)
	}
	ctx, end := k.SessionContext(k.t.Context(), result.Session)
	k.t.Cleanup(end)
	return ctx, result.Session
}

func TestSessionContext(t *testing.T) {
	run(t, "ends with the JWT", testkit.Config{}, func(t *testing.T, k *kit) {
		ctx, s := k.connect(k.SignIn("ann@example.com"))
		<-ctx.Done()
		if !time.Now().Equal(s.ExpiresAt) || !errors.Is(context.Cause(ctx), session.ErrJWTExpired) {
			t.Errorf("ended at %v by %v, want %v", time.Now(), context.Cause(ctx), s.ExpiresAt)
		}
	})
	run(t, "ends at the logout of its user, and of no other", testkit.Config{}, func(t *testing.T, k *kit) {
		ann := k.SignIn("ann@example.com")
		one, _ := k.connect(ann)
		elsewhere, _ := k.connect(k.SignIn("ann@example.com"))
		other, _ := k.connect(k.SignIn("bob@example.com"))
		if err := k.Logout(t.Context(), ann, none); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(context.Cause(one), session.ErrLoggedOut) || !errors.Is(context.Cause(elsewhere), session.ErrLoggedOut) || other.Err() != nil {
			t.Errorf("causes: %v, %v; of another user: %v", context.Cause(one), context.Cause(elsewhere), other.Err())
		}
	})
	run(t, "ends at a logout after a refresh", testkit.Config{}, func(t *testing.T, k *kit) {
		first := k.SignIn("ann@example.com")
		ctx, _ := k.connect(first)
		second, err := k.Refresh(t.Context(), first, none)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Logout(t.Context(), materialOf(second.Session), none); err != nil {
			t.Fatal(err)
		}
		if ctx.Err() == nil {
			t.Error("the context has not ended")
		}
	})
	run(t, "ends at once if the user has logged out since the request", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		result, err := k.authenticate(m)
		if err != nil {
			t.Fatal(err)
		}
		_ = k.Logout(t.Context(), m, none)
		ctx, end := k.SessionContext(t.Context(), result.Session)
		defer end()
		if ctx.Err() == nil {
			t.Error("the context has not ended")
		}
	})
	run(t, "outlasts an outage, a forged logout and the manager", testkit.Config{}, func(t *testing.T, k *kit) {
		ctx, s := k.connect(k.SignIn("ann@example.com"))
		k.Fake.Down()
		_ = k.Logout(t.Context(), session.Material{JWT: session.NewSecret(k.Fake.ForgedJWT(session.User{ID: s.UserID})), RefreshToken: session.NewSecret("forged")}, none)
		_ = k.Close(t.Context())
		time.Sleep(time.Until(s.ExpiresAt) - second)
		if ctx.Err() != nil {
			t.Errorf("ended by %v", context.Cause(ctx))
		}
	})
	run(t, "is forgotten at its end", testkit.Config{}, func(t *testing.T, k *kit) {
		result, err := k.authenticate(k.SignIn("ann@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			_, end := k.SessionContext(t.Context(), result.Session)
			end()
		}
		synctest.Wait()
		if open := k.Connections(); open != 0 {
			t.Errorf("%d connections are left", open)
		}
	})
}

func TestSessionContextOfALogoutWithoutTheJWT(t *testing.T) {
	run(t, "ends by the descendants of the refresh token", testkit.Config{}, func(t *testing.T, k *kit) {
		only := session.Material{RefreshToken: k.SignIn("ann@example.com").RefreshToken}
		ctx, _ := k.connect(only)
		if err := k.Logout(t.Context(), only, none); err != nil {
			t.Fatal(err)
		}
		if cause := context.Cause(ctx); !errors.Is(cause, session.ErrLoggedOut) {
			t.Errorf("cause = %v", cause)
		}
	})
	run(t, "has the logout as its cause, if it is opened later", testkit.Config{}, func(t *testing.T, k *kit) {
		pair := testkit.Material(k.Fake.Grant(k.Fake.NewUser("ann@example.com")))
		result, err := k.authenticate(pair)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Logout(t.Context(), pair, none); err != nil {
			t.Fatal(err)
		}
		ctx, end := k.SessionContext(t.Context(), result.Session)
		defer end()
		if cause := context.Cause(ctx); !errors.Is(cause, session.ErrLoggedOut) {
			t.Errorf("cause = %v", cause)
		}
	})
}
