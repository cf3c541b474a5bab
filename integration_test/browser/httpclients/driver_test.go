package httpclients_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/child"
	"github.com/crossmint-go/auth/internal/testkit"
)

// driver is a program that sends requests by a library. It reads requests and prints
// responses, one a line, as JSON.
type driver struct {
	requests  io.Writer
	responses *bufio.Scanner
	sessions  int
}

// startDriver starts a program, which runs until the end of the test.
func startDriver(t *testing.T, certificate, name string, args ...string) *driver {
	t.Helper()
	program := exec.Command(name, append(args, certificate)...)
	child.EndWithParent(program)
	program.Env = append(environment(t.TempDir()), "NODE_EXTRA_CA_CERTS="+certificate)
	program.Stderr = t.Output()
	requests, err := program.StdinPipe()
	testkit.NoError(t, err)
	responses, err := program.StdoutPipe()
	testkit.NoError(t, err)
	testkit.NoError(t, program.Start())
	t.Cleanup(func() {
		_ = requests.Close() // ends the program
		if err := program.Wait(); err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	})
	return &driver{requests: requests, responses: bufio.NewScanner(responses)}
}

// newSender returns a sender for the next session of the driver.
func (d *driver) newSender(_ *testing.T, retries bool) sender {
	d.sessions++
	return &driverSession{d, d.sessions, retries}
}

// driverSession is a session of a driver, with a cookie jar of its own.
type driverSession struct {
	driver  *driver
	number  int
	retries bool
}

func (s *driverSession) send(t *testing.T, r request) (got response) {
	t.Helper()
	line := struct {
		Session int  `json:"session"`
		Retries bool `json:"retries"`
		request
	}{s.number, s.retries, r}
	testkit.NoError(t, json.NewEncoder(s.driver.requests).Encode(line))
	if !s.driver.responses.Scan() {
		t.Fatalf("the client ended: %v", s.driver.responses.Err())
	}
	testkit.NoError(t, json.Unmarshal(s.driver.responses.Bytes(), &got))
	return got
}
