//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program is the example in its own process.
type program struct {
	*visitor
	cmd *exec.Cmd
	// ended is closed when the program and its instances have ended: they share
	// a pipe. A process ID would not tell, because a process may be a zombie.
	ended chan struct{}
}

func startProgram(t *testing.T) *program {
	t.Helper()
	dir, err := os.MkdirTemp("", "f") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	held, shared, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-store", "redis-server")
	cmd.Env = append(os.Environ(), programVariable+"=1", "TMPDIR="+dir)
	cmd.Stderr = shared
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = shared.Close()
	p := &program{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		defer held.Close()
		_, _ = io.Copy(os.Stderr, held)
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // unless it has ended, as it should
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.visitor = newVisitor(t, strings.TrimSpace(strings.TrimPrefix(line, "listening on ")))
	return p
}

// wantEnd fails the test if the instances are not gone soon.
func (p *program) wantEnd() {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(eventuallyTimeout):
		p.Error("an instance is left")
	}
}

func TestEverythingEndsWithASignal(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p := startProgram(t)
			before := p.state()
			p.want(204, "POST", "/demo/freeze")
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("ended with %v", err)
			}
			p.wantEnd()
			if err := syscall.Kill(before.Store.PID, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the store is left: %v", err)
			}
		})
	}
}

// A killed program cannot end its instances: they notice it themselves.
func TestInstancesEndWithTheirParent(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	before := p.state()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // the error is that it was killed
	p.wantEnd()
	_ = syscall.Kill(before.Store.PID, syscall.SIGKILL) // only the store is left
}
