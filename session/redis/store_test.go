package redis_test

import (
	"testing"

	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/crossmint-go/auth/session/redis"
)

func TestStore(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		fleettest.RunStore(t, func(t *testing.T) protocol.Store { return openStore(t, s.URL()) })
	})
}

func openStore(t *testing.T, url string) protocol.Store {
	t.Helper()
	store, err := redis.OpenStore(redis.Config{URL: session.NewSecret(url), Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	return store
}
