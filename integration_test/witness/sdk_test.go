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

// childLimit is how long Node may take to start, to answer, or to end.
const childLimit = 20 * time.Second

// sdk is the one Node process behind all scenarios. It is started anew after
// a scenario in which it ended.
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

// open returns the base URL of a process that lives.
func (c *child) open() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.command != nil && !c.over() {
		return c.address, nil
	}
	err := c.start()
	return c.address, err
}

// over reports whether the process has ended, with c.mu held.
func (c *child) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// start starts the process, with c.mu held.
func (c *child) start() error {
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
	limit := time.AfterFunc(childLimit, func() { _ = command.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !limit.Stop() {
		_ = command.Wait()
		return fmt.Errorf("the SDK's pages do not start: %w\n%s", err, c.errors)
	}
	c.command, c.in, c.address = command, in, "http://"+strings.TrimSpace(line)
	c.ended = make(chan struct{})
	go func(ended chan<- struct{}) {
		defer close(ended)
		_ = command.Wait()
	}(c.ended)
	return nil
}

// fate waits until nothing goes on in the process any more and says what
// became of it.
func (c *child) fate(client *http.Client) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if res, err := client.Get(c.address + "/settled"); err == nil {
		_ = res.Body.Close()
		return "lives", nil
	}
	select {
	case <-c.ended:
	case <-time.After(childLimit):
		_ = c.command.Process.Kill()
		<-c.ended
		c.command = nil
		return "", fmt.Errorf("the SDK's process neither answers nor ends\n%s", c.errors)
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
	case <-time.After(childLimit):
		_ = c.command.Process.Kill()
		<-c.ended
	}
	c.command = nil
}

// sdkSide puts a scenario to the SDK.
type sdkSide struct{}

func (sdkSide) open(t *testing.T, s setup) (string, http.Header) {
	t.Helper()
	address, err := sdk.open()
	fatal(t, err)
	return address, http.Header{"Witness": {s.forSDK()}}
}

func (sdkSide) fate(t *testing.T, client *http.Client) string {
	t.Helper()
	fate, err := sdk.fate(client)
	fatal(t, err)
	return fate
}
