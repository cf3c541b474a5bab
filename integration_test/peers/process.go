package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// process is a server in a process of its own.
type process struct {
	name    string
	address string
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// startGo serves a contender on one core.
func startGo(ctx context.Context, name string, s settings) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), serveVariable+"="+name, "GOMAXPROCS=1")
	return start(command, name, s)
}

func start(command *exec.Cmd, name string, s settings) (*process, error) {
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var complaints strings.Builder
	command.Stderr = &complaints
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{name: name, command: command, in: in, out: bufio.NewReader(out)}
	if err = json.NewEncoder(in).Encode(s); err == nil {
		p.address, err = p.line()
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s does not start: %w\n%s", name, err, &complaints)
	}
	return p, nil
}

func (p *process) line() (string, error) {
	line, err := p.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

// cpu returns the CPU time that the process has used so far.
func (p *process) cpu() (time.Duration, error) {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		return 0, err
	}
	line, err := p.line()
	if err != nil {
		return 0, err
	}
	microseconds, err := strconv.ParseInt(line, 10, 64)
	return time.Duration(microseconds) * time.Microsecond, err
}

func (p *process) stop() {
	_ = p.in.Close()
	_ = p.command.Wait()
}
