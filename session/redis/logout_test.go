package redis_test

import (
	"context"
	"errors"
	"testing"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/google/go-cmp/cmp"
)

// logout is Logout that wants to succeed, and returns the refresh tokens of
// those that follow.
func logout(t *testing.T, c session.Coordinator, token string) (followers []string) {
	t.Helper()
	grants, err := c.Logout(t.Context(), session.NewSecret(token))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range grants {
		followers = append(followers, g.RefreshToken.Secret.Reveal())
	}
	return followers
}

func TestLogoutMark(t *testing.T) {
	t.Run("another instance's refresh that ends on it revokes what it got", func(t *testing.T) {
		let := make(chan struct{})
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work, result := &errand{ask: held(let)}, make(chan error)
			for _, c := range []*redis.Coordinator{a, b} {
				go func() {
					_, err := c.Do(t.Context(), session.NewSecret("a"), work)
					result <- err
				}()
			}
			until(t, "upstream is asked", func() bool { return work.asked.Load() == 1 })
			logout(t, b, "a")
			let <- struct{}{}
			if err := errors.Join(<-result, <-result); !errors.Is(err, session.ErrLoggedOut) {
				t.Errorf("err = %v", err)
			}
			until(t, "the grant is revoked", func() bool { return work.revoked.Load() == 1 })
			if err := fail(t, b, "a", work); !errors.Is(err, session.ErrLoggedOut) {
				t.Errorf("afterwards: %v", err)
			}
			work.wantAsked(t, 1)
		})
	})
	t.Run("an old token's covers all that follows it", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{}
			do(t, a, "a", work)
			do(t, b, "a'", work)
			if diff := cmp.Diff([]string{"a'", "a''"}, logout(t, b, "a")); diff != "" {
				t.Errorf("followers (-want +got):\n%s", diff)
			}
			for _, token := range []string{"a", "a'", "a''"} {
				shared, err := a.Do(t.Context(), session.NewSecret(token), work)
				if !errors.Is(err, session.ErrLoggedOut) || !shared.Remembered {
					t.Errorf("%s: %v, remembered: %t", token, err, shared.Remembered)
				}
			}
		})
	})
	t.Run("the newest token's is found from an old one", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			do(t, a, "a", &errand{})
			logout(t, b, "a'")
			if err := fail(t, a, "a", &errand{}); !errors.Is(err, session.ErrLoggedOut) {
				t.Errorf("err = %v", err)
			}
		})
	})
	t.Run("a kept successor is handed out to be revoked", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			_ = fail(t, a, "a", &errand{judge: cannotTell})
			if diff := cmp.Diff([]string{"a'"}, logout(t, b, "a")); diff != "" {
				t.Errorf("followers (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("it reaches a refresh whose successor cannot be judged", func(t *testing.T) {
		let := make(chan struct{})
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{ask: held(let), judge: cannotTell}
			go func() { _, _ = a.Do(t.Context(), session.NewSecret("a"), work) }()
			until(t, "upstream is asked", func() bool { return work.asked.Load() == 1 })
			logout(t, b, "a")
			let <- struct{}{}
			until(t, "the grant is revoked", func() bool { return work.revoked.Load() == 1 })
		})
	})
	t.Run("a panic while revoking is contained", func(t *testing.T) {
		let := make(chan struct{})
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{ask: held(let), revoke: func(*session.Grant) { panic("revoke") }}
			go func() { _, _ = a.Do(t.Context(), session.NewSecret("a"), work) }()
			until(t, "upstream is asked", func() bool { return work.asked.Load() == 1 })
			logout(t, b, "a")
			let <- struct{}{}
			until(t, "the grant is revoked", func() bool { return work.revoked.Load() == 1 })
			if err := a.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("a store that cannot be told is an error", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			s.Kill()
			if _, err := a.Logout(t.Context(), session.NewSecret("a")); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("err = %v", err)
			}
		})
	})
}
