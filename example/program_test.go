package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
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

// build returns a function that makes a command of the built program.
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
	t.Run("faults of its caller", func(t *testing.T) { testFaults(t, program) })
	if runtime.GOOS == "windows" { // has no signals to end it with
		return
	}
	t.Run("from the first line to the signal", func(t *testing.T) { testRun(t, program("", "-addr", "127.0.0.1:0")) })
}

func testFaults(t *testing.T, program func(string, ...string) *exec.Cmd) {
	for name, c := range map[string]struct {
		apiKey string
		args   []string
		names  string
	}{
		"upstream without a key": {"", []string{"-upstream", "http://127.0.0.1:1"}, apiKeyVariable},
		"a bad key":              {"sk_staging_zzz", nil, "Invalid API key"},
		"a client key":           {"ck_staging_zzz", nil, "Disallowed API key"},
		"two faults":             {"nonsense", []string{"-upstream", "ftp://example.com"}, "Malformed API key"},
		"an unknown flag":        {"", []string{"-nonsense"}, "-nonsense"},
		"an argument":            {"", []string{"nonsense"}, "nonsense"},
		"an address":             {"", []string{"-addr", "nonsense"}, "-addr"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			command := program(c.apiKey, c.args...)
			command.Stdout, command.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("ended with %v, want status 2", err)
			}
			if line := stderr.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, c.names) || stdout.Len() > 0 {
				t.Errorf("stderr %q, want one line with %q; stdout %q", line, c.names, &stdout)
			}
		})
	}
}

func testRun(t *testing.T, command *exec.Cmd) {
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
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(strings.TrimSpace(strings.TrimPrefix(line, "listening on ")))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), "Demo mode") {
		t.Errorf("the page (%v):\n%s", err, body)
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(lines)
	if err := command.Wait(); err != nil || len(rest) > 0 || stderr.Len() > 0 {
		t.Errorf("after the signal: %v, stdout %q, stderr %q", err, rest, &stderr)
	}
}
