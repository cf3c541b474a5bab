package redis_test

import (
	"context"
	"errors"
	"testing"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

func TestSuccessorThatCannotBeJudged(t *testing.T) {
	t.Run("is kept, and judged by another instance before upstream is asked again", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{judge: cannotTell}
			for _, c := range []*redis.Coordinator{a, b, a} {
				if err := fail(t, c, "a", work); !errors.Is(err, session.ErrUnavailable) {
					t.Fatalf("err = %v", err)
				}
			}
			work.judge = nil
			if got := do(t, b, "a", work); got != "a'" || work.judged.Load() != 4 {
				t.Errorf("got %s, judged %d times", got, work.judged.Load())
			}
			work.wantAsked(t, 1)
		})
	})
	t.Run("is dropped once it is known to be false", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{judge: func(*session.Grant) error { return &session.UpstreamError{Kind: session.Malformed} }}
			for _, c := range []*redis.Coordinator{a, b} {
				if err := fail(t, c, "a", work); !errors.Is(err, session.ErrMalformed) {
					t.Fatalf("err = %v", err)
				}
			}
			work.wantAsked(t, 2)
		})
	})
	t.Run("is exchanged on when its key is gone, as long as it takes", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			keyGone := &session.UpstreamError{Kind: session.Malformed, Err: session.ErrJWTKeyUnknown}
			verdicts := map[string]error{"a'": keyGone, "a''": &session.UpstreamError{Kind: session.Malformed}}
			work := &errand{judge: func(g *session.Grant) error { return verdicts[g.RefreshToken.Secret.Reveal()] }}
			for _, c := range []*redis.Coordinator{a, b} { // the answer to a' is false
				if err := fail(t, c, "a", work); !errors.Is(err, session.ErrUnavailable) {
					t.Fatalf("err = %v", err)
				}
			}
			delete(verdicts, "a''")
			if got := do(t, a, "a", work); got != "a''" {
				t.Errorf("got %s", got)
			}
			work.wantAsked(t, 3)
		})
	})
	t.Run("is forgotten once it is judged, where upstream does not rotate", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{judge: cannotTell, ask: func(_ context.Context, token session.Secret) (*session.Grant, error) {
				return &session.Grant{RefreshToken: session.RefreshToken{Secret: token}}, nil
			}}
			_ = fail(t, a, "a", work)
			work.judge = nil
			for range 3 { // the first takes what is kept
				do(t, b, "a", work)
			}
			work.wantAsked(t, 3)
			if err := fail(t, a, "a", &errand{ask: refuse}); doubtful(t, err) {
				t.Error("a refusal is in doubt, as if the token had been rotated")
			}
		})
	})
	t.Run("is kept while the store is away, and judged before upstream is asked again", func(t *testing.T) {
		onPair(t, quick, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			do(t, a, "warm", &errand{})
			s.Kill()
			work := &errand{judge: cannotTell}
			for range 2 {
				_ = fail(t, a, "a", work)
			}
			work.judge = nil
			if got := do(t, a, "a", work); got != "a'" || work.judged.Load() != 3 {
				t.Errorf("got %s, judged %d times", got, work.judged.Load())
			}
			work.wantAsked(t, 1)
			do(t, a, "a", work) // it has been judged: in a process, the Manager's coordinator remembers it
			work.wantAsked(t, 2)
		})
	})
	t.Run("is kept when judging it panics", func(t *testing.T) {
		onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
			work := &errand{judge: func(*session.Grant) error { panic("judge") }}
			_ = fail(t, a, "a", work)
			work.judge = nil
			do(t, b, "a", work)
			work.wantAsked(t, 1)
		})
	})
}
