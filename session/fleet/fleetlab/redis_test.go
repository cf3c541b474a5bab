package fleetlab_test

import (
	"context"
	"crypto/tls"
	"net"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/crossmint-go/auth/internal/redistest"
	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/redis/rueidis"
)

var redisKind = kind{
	name:      "redis",
	newServer: func(*testing.T) simulatedServer { return &redisServer{} },
	startReal: func(t *testing.T) map[string]realServer {
		binaries, err := redistest.Binaries()
		if err != nil {
			t.Fatal(err)
		}
		started := map[string]realServer{}
		for name, path := range binaries {
			s, err := redistest.Start(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { must(t, s.Close()) })
			started[name] = s
		}
		return started
	},
	connect: func(address string, onEvent onEvent) (*protocol.Coordinator, error) {
		return redis.New(redis.Config{URL: session.NewSecret("redis://" + address), Secret: secret, OnEvent: onEvent})
	},
}

// redisServer is a miniredis.
type redisServer struct{ redis *miniredis.Miniredis }

func (s *redisServer) start() error {
	r := miniredis.NewMiniRedis()
	r.ClockTTL(true)
	conn, err := r.Dial() // starts it
	if err != nil {
		return err
	}
	_ = conn.Close()
	// On a RESP3 connection that has subscribed, miniredis rejects other
	// commands; real servers accept them. Without HELLO the client uses RESP2.
	r.Server().SetPreHook(func(p *server.Peer, command string, _ ...string) bool {
		if command == "HELLO" {
			p.WriteError("ERR unknown command 'HELLO'")
		}
		return command == "HELLO"
	})
	s.redis = r
	return nil
}

func (s *redisServer) stop() { s.redis.Close() }

func (s *redisServer) connect() (net.Conn, error) { return s.redis.Dial() }

func (s *redisServer) refusesFrozen() bool { return false }

func (s *redisServer) closeTime() time.Duration { return 2 * time.Second }

func (s *redisServer) newCoordinator(onEvent onEvent, dial func(context.Context) (net.Conn, error)) (*protocol.Coordinator, func(), error) {
	c, err := redis.New(redis.Config{URL: session.NewSecret("redis://localhost"), Secret: secret, OnEvent: onEvent})
	if err != nil {
		return nil, nil, err
	}
	options := storeField[func() rueidis.ClientOption](c, "option")
	option := (*options)()
	option.DialCtxFn = func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) { return dial(ctx) }
	*options = func() rueidis.ClientOption { return option }
	return c, func() {}, nil
}

// storeField returns a field of the store of an unused coordinator. The configurations
// of the adapters have no field for a dialer, so the laboratory changes the options of
// their clients in place.
func storeField[T any](c *protocol.Coordinator, name string) *T {
	field := reflect.ValueOf(c).Elem()
	for _, name := range []string{"operations", "store", name} {
		for field.Kind() == reflect.Pointer || field.Kind() == reflect.Interface {
			field = field.Elem()
		}
		if field = field.FieldByName(name); !field.IsValid() {
			panic("fleet.Coordinator has no field operations.store." + name + ": adapt storeField to its fields")
		}
	}
	if field.Type() != reflect.TypeFor[T]() {
		panic("the field operations.store." + name + " is a " + field.Type().String())
	}
	return (*T)(unsafe.Pointer(field.UnsafeAddr()))
}
