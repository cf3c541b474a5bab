package fleettest_test

import (
	"testing"
	"time"

	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	t.Parallel()
	var memory fleettest.Memory
	fleettest.RunStore(t, func(*testing.T) fleet.Store { return memory.Open() })
}

func TestMemoryWithoutMessages(t *testing.T) {
	t.Parallel()
	memory := fleettest.Memory{ReadyInterval: 2 * time.Second}
	fleettest.RunStoreWithoutMessages(t, func(*testing.T) fleet.Store { return memory.Open() })
}
