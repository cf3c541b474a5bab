package httpclients_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
)

// curl runs the command curl once for each request.
type curl struct {
	certificate string
	retries     bool
	folder      string // of the cookie jar
}

func startCurl(_ *testing.T, certificate string) newSender {
	return func(t *testing.T, retries bool) sender { return &curl{certificate, retries, t.TempDir()} }
}

func (c *curl) send(t *testing.T, r request) response {
	t.Helper()
	args := []string{
		"--disable", "--silent", "--show-error", "--location", "--cookie", "jar", "--cookie-jar", "jar",
		"--cacert", c.certificate, "--output", "body", "--write-out", "%{http_code}",
	}
	if c.retries {
		args = append(args, "--retry", "2")
	}
	if r.Method == "POST" {
		args = append(args, "--data-raw", r.Body)
	}
	for name, value := range r.Headers {
		args = append(args, "--header", name+": "+value)
	}
	out, _ := runCommand(t, c.folder, "curl", append(args, r.URL)...)
	return newResponse(t, out, c.folder)
}

// wget runs the command wget once for each request.
type wget struct {
	certificate string
	retries     bool
	folder      string // of the cookie jar
}

func startWget(_ *testing.T, certificate string) newSender {
	return func(t *testing.T, retries bool) sender { return &wget{certificate, retries, t.TempDir()} }
}

// statusLine is a line of a response, as wget prints it.
var statusLine = regexp.MustCompile(`(?m)^ *HTTP/1\.1 (\d{3})`)

func (w *wget) send(t *testing.T, r request) response {
	t.Helper()
	args := []string{
		"--no-config", "--no-verbose", "--server-response", "--content-on-error", "--output-document", "body",
		"--load-cookies", "jar", "--save-cookies", "jar", "--keep-session-cookies", "--ca-certificate", w.certificate,
	}
	if w.retries {
		args = append(args, "--retry-on-http-error=503", "--tries=3")
	}
	if r.Method == "POST" {
		args = append(args, "--post-data="+r.Body)
	}
	for name, value := range r.Headers {
		args = append(args, "--header", name+": "+value)
	}
	testkit.NoError(t, touch(filepath.Join(w.folder, "jar")))
	_, log := runCommand(t, w.folder, "wget", append(args, r.URL)...)
	statuses := statusLine.FindAllSubmatch(log, -1)
	if len(statuses) == 0 {
		t.Fatalf("wget printed no status:\n%s", log)
	}
	return newResponse(t, statuses[len(statuses)-1][1], w.folder)
}

// touch creates a file if it does not exist.
func touch(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE, 0o600)
	return errors.Join(err, file.Close())
}

// runCommand runs a command in a folder. wget reports an error status of the response by
// its exit status.
func runCommand(t *testing.T, folder, name string, args ...string) (stdout, stderr []byte) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir, command.Env = folder, environment(folder)
	var out, log bytes.Buffer
	command.Stdout, command.Stderr = &out, &log
	if err := command.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatalf("%v (Debian: apt-get install %s)", err, name)
	}
	if out.Len()+log.Len() == 0 {
		t.Fatalf("%s printed nothing", name)
	}
	return out.Bytes(), log.Bytes()
}

// environment returns the environment of a client: without proxies.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C"}
}

// newResponse returns the status and the body that a command has left in its folder.
func newResponse(t *testing.T, status []byte, folder string) response {
	t.Helper()
	code, err := strconv.Atoi(string(status))
	testkit.NoError(t, err)
	file := filepath.Join(folder, "body")
	body, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) { // curl creates no file for an empty body
		return response{Status: code}
	}
	testkit.NoError(t, err)
	testkit.NoError(t, os.Remove(file))
	return response{Status: code, Body: string(body)}
}
