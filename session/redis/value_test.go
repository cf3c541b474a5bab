package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/google/go-cmp/cmp"
)

func TestSharedGrantIsComplete(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, _ *store, a, b *redis.Coordinator) {
		want := session.Grant{
			JWT:          session.NewSecret("jwt"),
			RefreshToken: session.RefreshToken{Secret: session.NewSecret("a'"), ExpiresAt: "2030-01-02T03:04:05.000Z"},
			User: session.User{
				ID: "user", Email: "ada@example.com", PhoneNumber: "+15550100", JSON: []byte(`{"id":"user","twitter":{"username":"ada"}}`),
			},
			ReceivedAt: time.Now().Round(0).UTC(),
		}
		calls := &coordinatortest.Calls{Exchange: func(context.Context, session.Secret) (*session.Grant, error) { return &want, nil }}
		for _, c := range []*redis.Coordinator{a, b} {
			shared, err := c.Do(t.Context(), session.NewSecret("a"), calls.Upstream())
			if err != nil {
				t.Fatal(err)
			}
			wantGrant(t, &want, shared.Grant)
		}
	})
}

func wantGrant(t *testing.T, want, got *session.Grant) {
	t.Helper()
	type grant struct { // with the secrets revealed
		JWT, RefreshToken, ExpiresAt string
		User                         session.User
		ReceivedAt                   time.Time
	}
	reveal := func(g *session.Grant) grant {
		return grant{g.JWT.Reveal(), g.RefreshToken.Secret.Reveal(), g.RefreshToken.ExpiresAt, g.User, g.ReceivedAt}
	}
	if diff := cmp.Diff(reveal(want), reveal(got)); diff != "" {
		t.Errorf("grant (-want +got):\n%s", diff)
	}
}
