package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
)

func TestLogoutUser(t *testing.T) {
	const aSecond = 1100 * time.Millisecond // JWTs tell the second of their issue
	logoutUser := func(t *testing.T, k *kit, user session.User) {
		t.Helper()
		testkit.NoError(t, k.LogoutUser(t.Context(), user.ID))
	}
	wantRejected := func(t *testing.T, err error) {
		t.Helper()
		if testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the session of before: %v", err)
		}
	}
	run(t, "valid JWT", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		pair, other := testkit.Material(k.Fake.Grant(user)), testkit.Material(k.Fake.Grant(user))
		testkit.Must(k.authenticate(pair)) // it is cached
		logoutUser(t, k, user)
		for _, presented := range []session.Material{pair, other} {
			_, err := k.authenticate(presented)
			wantRejected(t, err)
		}
		synctest.Wait()
		k.wantAlive(user, 0)
	})
	run(t, "expired JWT", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.ExpiredGrant(user))
		logoutUser(t, k, user)
		_, err := k.authenticate(pair)
		wantRejected(t, err)
		_, err = k.Refresh(t.Context(), pair, pair.RefreshToken) // the same token in the body
		wantRejected(t, err)
		synctest.Wait()
		k.wantAlive(user, 0)
	})
	run(t, "after weeks", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.Grant(user))
		logoutUser(t, k, user)
		time.Sleep(29 * 24 * time.Hour)
		_, err := k.authenticate(pair)
		wantRejected(t, err)
	})
	run(t, "bearer", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		grant := k.Fake.Grant(user)
		logoutUser(t, k, user)
		_, err := k.Verify(t.Context(), grant.JWT)
		wantRejected(t, err)
	})
	run(t, "refresh in flight", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.ExpiredGrant(user))
		k.fetchKeys()
		k.Fake.SetLatency(crossminttest.Refresh, 2*time.Second)
		time.AfterFunc(time.Second, func() { _ = k.LogoutUser(context.Background(), user.ID) })
		result := testkit.Must(k.authenticate(pair))
		if err := result.Check(); !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("the renewed session may reach the browser: %v", err)
		}
		_, err := k.authenticate(pair)
		wantRejected(t, err)
		synctest.Wait()
		k.wantAlive(user, 0)
	})
	run(t, "connections", testkit.Config{}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		result := testkit.Must(k.authenticate(testkit.Material(k.Fake.Grant(user))))
		ctx, cancel := k.SessionContext(t.Context(), result.Session)
		defer cancel()
		logoutUser(t, k, user)
		if cause := context.Cause(ctx); !errors.Is(cause, session.ErrLoggedOut) {
			t.Errorf("the connection: %v", cause)
		}
	})
	run(t, "a sign-in afterwards, and other users", testkit.Config{}, func(t *testing.T, k *kit) {
		ann, bob := k.Fake.NewUser("ann@example.com"), k.Fake.NewUser("bob@example.com")
		bobs := testkit.Material(k.Fake.Grant(bob))
		logoutUser(t, k, ann)
		time.Sleep(aSecond)
		for _, presented := range []session.Material{bobs, testkit.Material(k.Fake.Grant(ann))} {
			testkit.Must(k.authenticate(presented))
		}
		logoutUser(t, k, ann)
		_, err := k.authenticate(testkit.Material(k.Fake.Grant(ann)))
		wantRejected(t, err)
	})
	run(t, "no user", testkit.Config{}, func(t *testing.T, k *kit) {
		if err := k.LogoutUser(t.Context(), ""); err == nil {
			t.Error("no error for an empty user ID")
		}
	})
}

// In a fleet the other instances deny the user's JWTs and end the connections.
func TestLogoutUserInFleet(t *testing.T) {
	run(t, "", testkit.Config{}, func(t *testing.T, k *kit) {
		fleet := &denyFleet{}
		first := k.NewManager(session.Config{Coordinator: denyInstance{fleet: fleet}})
		second := k.NewManager(session.Config{Coordinator: denyInstance{fleet: fleet}})
		user := k.Fake.NewUser("ann@example.com")
		pair := testkit.Material(k.Fake.Grant(user))
		result := testkit.Must(second.Authenticate(t.Context(), pair))
		ctx, cancel := second.SessionContext(t.Context(), result.Session)
		defer cancel()
		testkit.NoError(t, first.LogoutUser(t.Context(), user.ID))
		if cause := context.Cause(ctx); !errors.Is(cause, session.ErrLoggedOut) {
			t.Errorf("the connection of the other instance: %v", cause)
		}
		if _, err := second.Verify(t.Context(), pair.JWT); testkit.Outcome(err) != testkit.Rejected {
			t.Errorf("the other instance: %v", err)
		}
	})
}
