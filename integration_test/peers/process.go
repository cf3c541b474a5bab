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
	// cpuTime returns the CPU time of the process so far: as the kernel tells it,
	// where it does, and otherwise as the process itself reports it.
	cpuTime func() (time.Duration, error)
}

// startGo starts a Go contender on one core.
func startGo(ctx context.Context, name string, s settings) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), serveVariable+"="+name, "GOMAXPROCS=1")
	return start(command, name, s)
}

// start starts a contender, which reads its settings from the standard input.
func start(command *exec.Cmd, name string, s settings) (*process, error) {
	settings, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	p, err := startWithInput(command, name, string(settings)+"\n")
	if err != nil {
		return nil, err
	}
	if _, err := p.cpuTime(); err != nil {
		p.cpuTime = p.reportedCPUTime
	}
	return p, nil
}

// startProgram starts a program that ends with an interrupt and needs no settings.
func startProgram(command *exec.Cmd, name string) (*process, error) {
	p, err := startWithInput(command, name, "")
	if err == nil {
		_, p.address, _ = strings.Cut(p.address, "http://")
	}
	return p, err
}

// startWithInput starts a server. The first line of its output has its address.
func startWithInput(command *exec.Cmd, name, input string) (*process, error) {
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var stderr strings.Builder
	command.Stderr = &stderr
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{name: name, command: command, in: in, out: bufio.NewReader(out)}
	p.cpuTime = func() (time.Duration, error) { return cpuTimeOf(command.Process.Pid) }
	if _, err = io.WriteString(in, input); err == nil {
		p.address, err = p.line()
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s does not start: %w\n%s", name, err, &stderr)
	}
	return p, nil
}

func (p *process) line() (string, error) {
	line, err := p.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

// reportedCPUTime returns the CPU time that the process itself reports.
func (p *process) reportedCPUTime() (time.Duration, error) {
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

// stop ends the process: contenders end with their input, programs with the
// interrupt.
func (p *process) stop() {
	_ = p.in.Close()
	_ = p.command.Process.Signal(os.Interrupt)
	_ = p.command.Wait()
}
