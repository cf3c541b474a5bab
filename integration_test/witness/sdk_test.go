package witness_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// childTimeout bounds the time in which Node starts, responds or ends.
const childTimeout = 20 * time.Second

// sdk is the Node process of all scenarios. After a scenario that has ended it, the next
// one starts it again.
var sdk child

// child is a Node process that serves the pages of js/driver.mjs.
type child struct {
	mu      sync.Mutex // guards all below
	command *exec.Cmd
	in      io.Closer
	errors  *strings.Builder
	address string
	ended   chan struct{} // closed when the process has ended
}

// open returns the base URL of a running process.
func (c *child) open() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.command != nil && !c.hasEndedLocked() {
		return c.address, nil
	}
	err := c.startLocked()
	return c.address, err
}

// hasEndedLocked reports whether the process has ended.
func (c *child) hasEndedLocked() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// startLocked starts the process.
func (c *child) startLocked() error {
	command := exec.Command("node", "driver.mjs")
	command.Dir = "js"
	c.errors = &strings.Builder{}
	command.Stderr = c.errors
	in, err := command.StdinPipe()
	if err != nil {
		return err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("Node is needed: %w", err)
	}
	limit := time.AfterFunc(childTimeout, func() { _ = command.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !limit.Stop() {
		_ = command.Wait()
		return fmt.Errorf("the pages of the SDK do not start: %w\n%s", err, c.errors)
	}
	c.command, c.in, c.address = command, in, "http://"+strings.TrimSpace(line)
	c.ended = make(chan struct{})
	go func(ended chan<- struct{}) {
		defer close(ended)
		_ = command.Wait()
	}(c.ended)
	return nil
}

// processState waits until the process has no work left or has ended, and returns its
// state.
func (c *child) processState(client *http.Client) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if res, err := client.Get(c.address + "/settled"); err == nil {
		_ = res.Body.Close()
		return "lives", nil
	}
	select {
	case <-c.ended:
	case <-time.After(childTimeout):
		_ = c.command.Process.Kill()
		<-c.ended
		c.command = nil
		return "", fmt.Errorf("the process of the SDK neither responds nor ends\n%s", c.errors)
	}
	status := c.command.ProcessState.ExitCode()
	c.command = nil
	return fmt.Sprintf("ends with status %d", status), nil
}

// stop ends the process.
func (c *child) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.command == nil {
		return
	}
	_ = c.in.Close()
	select {
	case <-c.ended:
	case <-time.After(childTimeout):
		_ = c.command.Process.Kill()
		<-c.ended
	}
	c.command = nil
}

// sdkSide runs scenarios with the SDK.
type sdkSide struct{}

func (sdkSide) open(t *testing.T, s setup) (string, http.Header) {
	t.Helper()
	address, err := sdk.open()
	fatal(t, err)
	return address, http.Header{"Witness": {s.forSDK()}}
}

func (sdkSide) processState(t *testing.T, client *http.Client) string {
	t.Helper()
	state, err := sdk.processState(client)
	fatal(t, err)
	return state
}
