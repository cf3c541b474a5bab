#!/usr/bin/env bash
# Packages: github.com/nats-io/nats.go v1.53.1 and github.com/nats-io/nats-server/v2
# v2.14.5.
#
# Behaviour: a client gets a URL with a user and connects to that server of a cluster.
# When the server stops, the client connects to the other one, which it has discovered,
# as the same user. But if the URL lists the other one, too, and without a user, the
# client logs in there without one, and is refused. So a longer URL makes the failover
# fail.
#
# Output seen: the lines in "expected" below.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

expected='the other server is discovered: connected
the other server is listed:     nats: Authorization Violation'

cat >go.mod <<'END'
module example

go 1.25

require (
	github.com/nats-io/nats-server/v2 v2.14.5
	github.com/nats-io/nats.go v1.53.1
)
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

func main() {
	routes := []int{freePort(), freePort()}
	first, other := start(routes[0], routes), start(routes[1], routes)
	withUser := strings.Replace(first.ClientURL(), "nats://", "nats://user:password@", 1)

	reconnected := make(chan string, 1)
	client, err := nats.Connect(withUser, nats.ReconnectWait(50*time.Millisecond),
		nats.ReconnectHandler(func(*nats.Conn) { reconnected <- "connected" }),
		nats.ClosedHandler(func(nc *nats.Conn) { reconnected <- fmt.Sprint(nc.LastError()) }))
	check(err)
	for len(client.DiscoveredServers()) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	first.Shutdown()
	fmt.Println("the other server is discovered:", <-reconnected)
	client.SetClosedHandler(nil)
	client.Close()

	_, err = nats.Connect(withUser+","+other.ClientURL(), nats.DontRandomize())
	fmt.Println("the other server is listed:    ", err)
	other.Shutdown()
}

// start starts a server of the cluster.
func start(route int, routes []int) *server.Server {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, Username: "user", Password: "password",
		Cluster: server.ClusterOpts{Name: "example", Host: "127.0.0.1", Port: route},
		Routes:  server.RoutesFromStr(fmt.Sprintf("nats://127.0.0.1:%d,nats://127.0.0.1:%d", routes[0], routes[1])),
	})
	check(err)
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		panic("the server does not start")
	}
	return s
}

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END

go mod tidy >log 2>&1 || { cat log; exit 1; }
seen=$(go run .)
echo "$seen"
if [[ $seen != "$expected" ]]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
