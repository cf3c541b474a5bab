package redis_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
)

func TestLogoutWithoutTheStore(t *testing.T) {
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			onPair(t, quick, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
				coordinatortest.Do(t, a, "warm", &coordinatortest.Calls{})
				coordinatortest.Do(t, b, "warm", &coordinatortest.Calls{})
				if err := failure.fail(s); err != nil {
					t.Fatal(err)
				}
				if _, err := a.Logout(t.Context(), session.NewSecret("a")); !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("err = %v", err)
				}
				if err := failure.restore(s); err != nil {
					t.Fatal(err)
				}
				coordinatortest.Eventually(t, "the other instance learned of the logout", func() bool {
					_, err := b.Do(t.Context(), session.NewSecret("a"), (&coordinatortest.Calls{}).Upstream())
					return errors.Is(err, session.ErrLoggedOut)
				})
			})
		})
	}
}

func TestLogoutWithoutTheStoreCoversDescendants(t *testing.T) {
	onPair(t, quick, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		coordinatortest.Do(t, b, "a", &coordinatortest.Calls{})
		coordinatortest.Do(t, a, "warm", &coordinatortest.Calls{})
		if err := s.Freeze(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Logout(t.Context(), session.NewSecret("a")); err == nil {
			t.Error("the logout succeeded without the store")
		}
		if err := s.Thaw(); err != nil {
			t.Fatal(err)
		}
		coordinatortest.Eventually(t, "the successor was logged out", func() bool {
			_, err := b.Do(t.Context(), session.NewSecret("a'"), (&coordinatortest.Calls{Exchange: coordinatortest.Overloaded}).Upstream())
			return errors.Is(err, session.ErrLoggedOut)
		})
	})
}

// A logout during an outage counts everywhere when the store is back, even if
// upstream could not be told either.
func TestLogoutDuringOutageOnFleet(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{}, ofFleet())
		s.wantSubscribers(fleetSize)
		jwt, refresh := f.valid("ada@example.com")
		s.Kill()
		f.fake.FailAlways(crossminttest.Logout, crossminttest.Status(http.StatusBadGateway, "", ""))
		if err := f.instances[0].sessions.Logout(t.Context(), material(jwt, refresh), session.Secret{}); err == nil {
			t.Error("the logout succeeded without the store and upstream")
		}
		if err := s.Up(); err != nil {
			t.Fatal(err)
		}
		coordinatortest.Eventually(t, "the test's own client connected again", func() bool { return s.raw.Do(t.Context(), s.raw.B().Ping().Build()).Error() == nil })
		coordinatortest.Eventually(t, "the store had the tombstone", s.hasTombstone)
		for _, i := range f.instances {
			coordinatortest.Eventually(t, "the JWT and the refresh token were refused", func() bool {
				_, err := i.sessions.Authenticate(t.Context(), material(jwt, refresh))
				return errors.Is(err, session.ErrLoggedOut)
			})
		}
		if calls := f.fake.Calls().Refresh; calls != 0 {
			t.Errorf("upstream was asked %d times to refresh a logged-out token", calls)
		}
	})
}
