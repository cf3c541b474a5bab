// Command figures measures the cost of sharing a refresh through a NATS server on this
// machine, and the messages of an idle instance. It takes five minutes, and one with
// -idle=0:
//
//	go run ./internal/figures
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serverEnv names the folder of a server, for the process that this command starts as
// one. A server in the process of its clients would share their CPU time differently.
const serverEnv = "FIGURES_SERVER"

func main() {
	if folder := os.Getenv(serverEnv); folder != "" {
		serve(folder)
		return
	}
	idleTime := flag.Duration("idle", 4*time.Minute, "how long to count the messages of an idle instance")
	flag.Parse()
	url, stop := startServer()
	defer stop()
	added(url)
	if *idleTime > 0 {
		idle(url, *idleTime)
	}
}

// serve is a server until its input ends. It prints its URL.
func serve(folder string) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: folder, NoLog: true, NoSigs: true,
	})
	check(err)
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		log.Fatal("the server does not start")
	}
	fmt.Println(s.ClientURL())
	_, _ = os.Stdin.Read(make([]byte, 1)) // ends with the parent
	s.Shutdown()
	s.WaitForShutdown()
}

func startServer() (url string, stop func()) {
	self, err := os.Executable()
	check(err)
	folder, err := os.MkdirTemp("", "figures")
	check(err)
	cmd := exec.Command(self) //nolint:gosec // this program itself
	cmd.Env, cmd.Stderr = append(os.Environ(), serverEnv+"="+folder), os.Stderr
	input, err := cmd.StdinPipe()
	check(err)
	output, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	url, err = bufio.NewReader(output).ReadString('\n')
	check(err)
	return strings.TrimSpace(url), func() {
		check(input.Close())
		check(cmd.Wait())
		check(os.RemoveAll(folder))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
