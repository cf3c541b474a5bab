package nats_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is the secret of the deployment.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// stream is the stream of the bucket.
const stream = "KV_crossmint"

// startTimeout is the time that servers may take to start. Test machines are slow.
const startTimeout = time.Minute

// startServer starts a server on loopback, with JetStream and without logs.
func startServer(t *testing.T, configure func(*server.Options)) *server.Server {
	t.Helper()
	options := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(),
	}
	if configure != nil {
		configure(options)
	}
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stop(s) })
	if !s.ReadyForConnections(startTimeout) {
		t.Fatal("the server does not start")
	}
	return s
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// startCluster starts a cluster of three servers.
func startCluster(t *testing.T) []*server.Server {
	t.Helper()
	var routes []string
	var ports []int
	for range 3 {
		port := freePort(t)
		ports, routes = append(ports, port), append(routes, fmt.Sprintf("nats://127.0.0.1:%d", port))
	}
	var servers []*server.Server
	for n, port := range ports {
		servers = append(servers, startServer(t, func(o *server.Options) {
			o.ServerName = fmt.Sprint("server-", n)
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}
			o.Routes = server.RoutesFromStr(strings.Join(routes, ","))
		}))
	}
	waitForLeader(t, servers)
	return servers
}

// waitForLeader waits until all servers follow a leader of JetStream.
func waitForLeader(t *testing.T, servers []*server.Server) {
	t.Helper()
	coordinatortest.Eventually(t, "the cluster had a leader", func() bool {
		for _, s := range servers {
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(servers) {
				return true
			}
		}
		return false
	})
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// urlsOf returns a Config.URL with all servers.
func urlsOf(servers []*server.Server) string {
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.ClientURL())
	}
	return strings.Join(urls, ",")
}

// openStore returns the store of one instance.
func openStore(t *testing.T, config nats.Config) fleet.Store {
	t.Helper()
	store, err := nats.OpenStore(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// newCoordinator returns the coordinator of one instance. Its operations may take
// long: test machines are slow.
func newCoordinator(t *testing.T, config nats.Config) *fleet.Coordinator {
	t.Helper()
	config.Secret, config.Timeout = secret, 2*time.Second
	if config.OnEvent == nil {
		config.OnEvent = func(_ context.Context, e event.Event) { t.Logf("event: %s: %v", e.Outcome, e.Err) }
	}
	c, err := nats.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// dial returns a client that inspects the servers.
func dial(t *testing.T, url string, options ...natsgo.Option) (*natsgo.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := natsgo.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}
