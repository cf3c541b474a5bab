package fleetlab_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/ats"
	natsgo "github.com/nats-io/nats.go"
)

var natsKind = kind{
	name: "nats",
	newServer: func(t *testing.T) simulatedServer {
		forgetTimers()
		return &natsServer{dir: t.TempDir()}
	},
	startReal: func(t *testing.T) map[string]realServer {
		s, err := startNATSProcess(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Kill)
		return map[string]realServer{"nats-server": s}
	},
	connect: func(address string, onEvent onEvent) (*protocol.Coordinator, error) {
		return nats.New(nats.Config{URL: session.NewSecret("nats://" + address), Secret: secret, OnEvent: onEvent})
	},
	prepare: takeNATSTurn,
}

// natsTurn is held by the test that uses NATS. The client keeps timers of all its
// connections in one pool, and a timer of a bubble works in no other.
var natsTurn sync.Mutex

func takeNATSTurn(t *testing.T) {
	natsTurn.Lock()
	t.Cleanup(natsTurn.Unlock)
	ats.Register() // its goroutine is in no bubble
	t.Cleanup(ats.Unregister)
	forgetTimers()
}

// forgetTimers empties the pool of the client between two bubbles.
func forgetTimers() {
	for range 2 { // a sync.Pool is empty after two collections
		runtime.GC()
	}
}

// natsServer is a server with JetStream in a bubble.
type natsServer struct {
	dir    string
	starts int
	server *server.Server
}

// newNATSServer returns a server that is not started.
func newNATSServer(options server.Options) (*server.Server, error) {
	options.NoSigs, options.NoLog, options.JetStream = true, true, true
	return server.NewServer(&options)
}

func (s *natsServer) start() (err error) {
	s.starts++
	if s.server, err = newNATSServer(server.Options{DontListen: true, StoreDir: filepath.Join(s.dir, fmt.Sprint(s.starts))}); err == nil {
		s.server.Start()
	}
	return err
}

func (s *natsServer) stop() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
	_ = os.RemoveAll(filepath.Join(s.dir, fmt.Sprint(s.starts)))
}

func (s *natsServer) connect() (net.Conn, error) { return s.server.InProcessConn() }

func (s *natsServer) refusesFrozen() bool { return true }

func (s *natsServer) closeTime() time.Duration { return 10 * time.Second }

func (s *natsServer) newCoordinator(onEvent onEvent, dial func(context.Context) (net.Conn, error)) (*protocol.Coordinator, func(), error) {
	c, err := nats.New(nats.Config{URL: session.NewSecret("nats://127.0.0.1:4222"), Secret: secret, OnEvent: onEvent})
	if err != nil {
		return nil, nil, err
	}
	options := storeField[func() []natsgo.Option](c, "options")
	changed := append((*options)(), natsgo.SetCustomDialer(natsDialer(dial)))
	*options = func() []natsgo.Option { return changed }
	return c, func() {}, nil
}

type natsDialer func(context.Context) (net.Conn, error)

// Dial implements natsgo.CustomDialer.
func (d natsDialer) Dial(string, string) (net.Conn, error) { return d(context.Background()) }
