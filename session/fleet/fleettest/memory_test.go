package fleettest_test

import (
	"testing"

	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	var memory fleettest.Memory
	fleettest.RunStore(t, func(*testing.T) fleet.Store { return memory.Open() })
}
