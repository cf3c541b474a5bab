package fleetlab_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session/event"
	protocol "github.com/crossmint-go/auth/session/fleet"
)

// A kind is one of the databases that can be the store of a fleet.
type kind struct {
	name string
	// newServer returns a server for a bubble, which is not started.
	newServer func(t *testing.T) simulatedServer
	// startReal starts servers in processes of their own, by name.
	startReal func(t *testing.T) map[string]realServer
	// connect returns the coordinator of an instance that reaches a real server at
	// an address.
	connect func(address string, onEvent onEvent) (*protocol.Coordinator, error)
	// prepare is called before a test that uses the database. nil: it does nothing.
	prepare func(t *testing.T)
}

// isShort reports that a test runs some scenarios only, in less time: those of the first
// database cover the protocol, and few requests tell little about the other adapters.
func (k *kind) isShort() bool { return !*all && *requests < longRun && k.name != kinds[0].name }

type onEvent = func(context.Context, event.Event)

// kinds are all databases, the one with most tests first.
var kinds = []kind{redisKind, postgresKind, natsKind}

// A simulatedServer is a database that a bubble can use: its time is that of the
// bubble, and connect opens no socket that a goroutine of the bubble waits for.
type simulatedServer interface {
	// start starts the server without data.
	start() error
	// stop ends the server and its connections.
	stop()
	connect() (net.Conn, error)
	// newCoordinator returns the coordinator of an instance that dials as given.
	// The function release ends what Close of the coordinator leaves.
	newCoordinator(onEvent onEvent, dial func(context.Context) (net.Conn, error)) (c *protocol.Coordinator, release func(), err error)
	// refusesFrozen reports that a frozen store refuses connections. It has to if its
	// client holds a mutex while it connects: a goroutine that waits for a mutex stops
	// the clock of its bubble.
	refusesFrozen() bool
	// closeTime is the time that the client needs to end its goroutines after it
	// was closed.
	closeTime() time.Duration
}

// A realServer is a database in a process of its own.
type realServer interface {
	// Addr returns the host and the port.
	Addr() string
	Freeze() error
	Thaw() error
	// Kill ends the process at once.
	Kill()
	// Up starts it again.
	Up() error
}

// onEach runs a test for each database that the flag chooses.
func onEach(t *testing.T, test func(t *testing.T, k kind)) {
	t.Helper()
	for _, k := range kinds {
		if slices.Contains(strings.Split(*stores, ","), k.name) {
			t.Run(k.name, func(t *testing.T) {
				if k.prepare != nil {
					k.prepare(t)
				}
				test(t, k)
			})
		}
	}
}
