package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
)

func newCodec(t *testing.T, client *crossmint.Client) *cookie.Codec {
	t.Helper()
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	return cookies
}

// build returns a function that creates a command of the built program.
func build(t *testing.T) func(apiKey string, args ...string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), "example")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return func(apiKey string, args ...string) *exec.Cmd {
		command := exec.CommandContext(t.Context(), program, args...)
		command.Env = append(os.Environ(), apiKeyVariable+"="+apiKey)
		return command
	}
}

func TestProgram(t *testing.T) {
	program := build(t)
	t.Run("invalid settings", func(t *testing.T) { testInvalidSettings(t, program) })
	t.Run("port in use", func(t *testing.T) { testPortInUse(t, program) })
	if runtime.GOOS == "windows" { // lacks these signals
		return
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) { testStop(t, program("", "-addr", "127.0.0.1:0"), signal) })
	}
}

func testInvalidSettings(t *testing.T, program func(string, ...string) *exec.Cmd) {
	for _, test := range []struct {
		name    string
		apiKey  string
		args    []string
		message string
	}{
		{name: "upstream without an API key", args: []string{"-upstream", "http://127.0.0.1:1"}, message: apiKeyVariable},
		{name: "invalid API key", apiKey: "sk_staging_zzz", message: "Invalid API key"},
		{name: "client key", apiKey: "ck_staging_zzz", message: "Disallowed API key"},
		{name: "two errors", apiKey: "nonsense", args: []string{"-upstream", "ftp://example.com"}, message: "Malformed API key"},
		{name: "unknown flag", args: []string{"-nonsense"}, message: "-nonsense"},
		{name: "unexpected argument", args: []string{"nonsense"}, message: "nonsense"},
		{name: "invalid address", args: []string{"-addr", "nonsense"}, message: "-addr"},
	} {
		t.Run(test.name, func(t *testing.T) { expectFailure(t, program(test.apiKey, test.args...), 2, test.message) })
	}
}

func testPortInUse(t *testing.T, program func(string, ...string) *exec.Cmd) {
	listener, err := net.ListenTCP("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	addr := listener.Addr().String()
	expectFailure(t, program("", "-addr", addr), 1, addr, "choose another address with -addr")
}

// expectFailure runs a command that must print one line with the messages on
// standard error, nothing else, and end with that status.
func expectFailure(t *testing.T, command *exec.Cmd, status int, messages ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != status {
		t.Errorf("program ended with %v, want status %d", err, status)
	}
	line := stderr.String()
	if strings.Count(line, "\n") != 1 || stdout.Len() > 0 {
		t.Errorf("stderr %q and stdout %q, want one line and nothing", line, &stdout)
	}
	for _, message := range messages {
		if !strings.Contains(line, message) {
			t.Errorf("stderr %q does not contain %q", line, message)
		}
	}
}

// testStop stops the program by a signal while a client keeps its connection
// open. The program must print only its first line and end with status 0.
func testStop(t *testing.T, command *exec.Cmd, signal os.Signal) {
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	if err != nil || !regexp.MustCompile(`^listening on http://127\.0\.0\.1:[1-9][0-9]*\n$`).MatchString(line) {
		t.Errorf("first line %q (%v)", line, err)
	}
	var transport http.Transport
	defer transport.CloseIdleConnections()
	expectDemo(t, &transport, strings.TrimSpace(strings.TrimPrefix(line, "listening on ")))
	if err := command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(lines)
	if err := command.Wait(); err != nil || len(rest) > 0 || stderr.Len() > 0 {
		t.Errorf("after the signal: error %v, stdout %q, stderr %q; want none", err, rest, &stderr)
	}
}

func expectDemo(t *testing.T, transport *http.Transport, url string) {
	t.Helper()
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), "Demo mode") {
		t.Errorf("the page is not in demo mode (%v):\n%s", err, body)
	}
}
