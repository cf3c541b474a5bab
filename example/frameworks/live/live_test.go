package live_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/example/frameworks/live"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// look is the interval, which does not end when a JWT does.
const look = 7 * time.Minute

// open returns the live context of a request with grant, and its session.
func open(t *testing.T, sessions *session.Manager, grant session.Grant) (context.Context, *session.AuthSession) {
	t.Helper()
	result, err := sessions.Authenticate(t.Context(), material(grant))
	site.Must(t, err)
	ctx, end := live.Context(result.NewContext(t.Context()), sessions, look)
	t.Cleanup(end)
	return ctx, result.Session
}

func material(grant session.Grant) session.Material {
	return session.NewMaterial(grant.JWT.Reveal(), grant.RefreshToken.Secret.Reveal())
}

func TestEndsWhenTheJWTExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, sessions, _ := site.Kit(t, crossminttest.Config{InMemory: true})
		ctx, s := open(t, sessions, fake.Grant(session.User{ID: "ada"}))
		<-ctx.Done()
		if !time.Now().Equal(s.ExpiresAt) {
			t.Errorf("ended at %v, want %v", time.Now(), s.ExpiresAt)
		}
	})
}

func TestEndsAfterALogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, sessions, _ := site.Kit(t, crossminttest.Config{InMemory: true})
		ada, bob := fake.Grant(session.User{ID: "ada"}), fake.Grant(session.User{ID: "bob"})
		ctx, _ := open(t, sessions, ada)
		other, _ := open(t, sessions, bob)
		site.Must(t, sessions.Logout(t.Context(), material(ada), session.Secret{}))
		time.Sleep(look) // the bubble's time, which passes at once
		synctest.Wait()
		if ctx.Err() == nil || other.Err() != nil {
			t.Errorf("at the next look after the logout: %v, another user's: %v", ctx.Err(), other.Err())
		}
	})
}

// TestSurvivesAnOutage lasts until the keys are too old to judge by.
func TestSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, sessions, _ := site.Kit(t, crossminttest.Config{InMemory: true, JWTLifetime: 7 * 24 * time.Hour})
		ctx, s := open(t, sessions, fake.Grant(session.User{ID: "ada"}))
		fake.Down()
		<-ctx.Done()
		if !time.Now().Equal(s.ExpiresAt) {
			t.Errorf("ended at %v, want %v", time.Now(), s.ExpiresAt)
		}
	})
}

// TestLogoutAfterARefresh holds the limit that the documentation names: the
// JWT from before the refresh is not denied.
func TestLogoutAfterARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, sessions, _ := site.Kit(t, crossminttest.Config{InMemory: true})
		first := fake.Grant(session.User{ID: "ada"})
		ctx, s := open(t, sessions, first)
		second, err := sessions.Refresh(t.Context(), material(first), session.Secret{})
		site.Must(t, err)
		presented := session.NewMaterial(second.Session.JWT.Reveal(), second.Session.RefreshToken.Secret.Reveal())
		site.Must(t, sessions.Logout(t.Context(), presented, session.Secret{}))
		<-ctx.Done()
		if !time.Now().Equal(s.ExpiresAt) {
			t.Errorf("ended at %v, want %v", time.Now(), s.ExpiresAt)
		}
	})
}
