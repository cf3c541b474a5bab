package fleet

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/crossmint-go/auth/example/fleet/internal/instance"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 8 * time.Second
)

// process is a running instance.
type process struct {
	addr  string
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}
}

// start starts this program as an instance, and waits until it listens.
func start(order instance.Order) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), instance.Variable+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	timeout := time.AfterFunc(startTimeout, p.kill)
	defer timeout.Stop()
	if err := json.NewEncoder(stdin).Encode(order); err == nil {
		p.addr, err = bufio.NewReader(stdout).ReadString('\n')
		p.addr = strings.TrimSpace(p.addr)
		if err != nil {
			p.addr = ""
		}
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended does not matter
	}()
	if p.addr == "" {
		p.kill()
		<-p.ended
		return nil, fmt.Errorf("instance %s did not start", order.Name)
	}
	return p, nil
}

func (p *process) runs() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends the process at once.
func (p *process) kill() { _ = p.cmd.Process.Kill() } // unless it has ended already

// stop lets the process finish the requests in flight, and ends it.
func (p *process) stop() error {
	_ = p.stdin.Close() // closed already if the process has ended
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
	}
	p.kill()
	<-p.ended
	return errors.New("an instance did not end by itself")
}
