package fleetlab_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// natsProcessEnv is an environment variable with the folder of the data of a server. It
// makes this program that server.
const natsProcessEnv = "FLEETLAB_NATS"

// natsProcess is a server in a process of its own, which keeps its data.
type natsProcess struct {
	dir, address string
	cmd          *exec.Cmd // nil while it is down
	stdin        io.Closer
}

func startNATSProcess(dir string) (*natsProcess, error) {
	p := &natsProcess{dir: dir, address: "127.0.0.1:0"}
	return p, p.Up()
}

// Up implements realServer.
func (p *natsProcess) Up() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, p.address)
	cmd.Env = append(os.Environ(), natsProcessEnv+"="+p.dir)
	cmd.Stderr = os.Stderr
	stdin, stdinErr := cmd.StdinPipe() // ends the server when this process ends
	stdout, stdoutErr := cmd.StdoutPipe()
	if err := errors.Join(stdinErr, stdoutErr); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.stdin = cmd, stdin
	address, err := bufio.NewReader(stdout).ReadString('\n')
	p.address = strings.TrimSpace(address)
	return err
}

// Addr implements realServer.
func (p *natsProcess) Addr() string { return p.address }

// Freeze implements realServer.
func (p *natsProcess) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw implements realServer.
func (p *natsProcess) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Kill implements realServer.
func (p *natsProcess) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	_ = p.cmd.Wait()         // the error is that it was killed
	p.cmd = nil
}

// runNATSProcess is the server: it listens on the address of its first argument, prints
// that, and runs until its standard input ends.
func runNATSProcess(dir string) error {
	address, err := net.ResolveTCPAddr("tcp", os.Args[1])
	if err != nil {
		return err
	}
	port := address.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	s, err := newNATSServer(server.Options{Host: "127.0.0.1", Port: port, StoreDir: dir})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		return errors.New("the server does not start")
	}
	fmt.Println(s.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
