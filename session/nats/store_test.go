package nats_test

import (
	"testing"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/crossmint-go/auth/session/nats"
)

func TestStore(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	fleettest.RunStore(t, func(t *testing.T) fleet.Store {
		return openStore(t, nats.Config{URL: session.NewSecret(s.ClientURL())})
	})
}
