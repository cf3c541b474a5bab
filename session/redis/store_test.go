package redis_test

import (
	"strings"
	"testing"

	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/crossmint-go/auth/session/redis"
)

func TestStore(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		info, _ := s.do("INFO", "server").ToString()
		for line := range strings.Lines(info) {
			if strings.HasPrefix(line, "redis_version:") || strings.HasPrefix(line, "valkey_version:") {
				t.Log(strings.TrimSpace(line))
			}
		}
		fleettest.RunStore(t, func(t *testing.T) protocol.Store { return openStore(t, s.URL()) })
	})
}

// Some managed stores do not have RESP3.
func TestStoreWithoutRESP3(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		fleettest.RunStore(t, func(t *testing.T) protocol.Store { return openStore(t, s.URL()+"?protocol=2") })
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
