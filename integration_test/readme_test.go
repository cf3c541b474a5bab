package integration_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
)

const (
	// maxQuickStartLines bounds the quick start without its package clause,
	// imports and blank lines.
	maxQuickStartLines = 30
	maxColumns         = 100
)

// readmeBlock returns the block of Go below the comment with this name.
func readmeBlock(t *testing.T, name string) string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	testkit.NoError(t, err)
	block := regexp.MustCompile("(?s)<!-- " + name + " -->\n```go\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatalf("README.md has no block of Go named %q", name)
	}
	return string(block[1])
}

// replaceOnce replaces a string that must occur exactly once.
func replaceOnce(t *testing.T, s, old, replacement string) string {
	t.Helper()
	if n := strings.Count(s, old); n != 1 {
		t.Fatalf("the program has %q %d times, want once", old, n)
	}
	return strings.Replace(s, old, replacement, 1)
}

// buildProgram compiles the files and returns a command that runs the program in
// a folder of its own.
func buildProgram(t *testing.T, files ...string) *exec.Cmd {
	t.Helper()
	folder := t.TempDir()
	binary := filepath.Join(folder, "program.exe") // Windows needs the extension
	args := []string{"build", "-o", binary}
	for i, content := range files {
		file := filepath.Join(folder, string(rune('a'+i))+".go")
		testkit.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		args = append(args, file)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %s, %v", out, err)
	}
	program := exec.Command(binary)
	program.Dir = folder
	return program
}

// wantFailure runs a program and checks that it exits with status 1 and one line
// that contains message.
func wantFailure(t *testing.T, program *exec.Cmd, message string) {
	t.Helper()
	out, err := program.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the program ended with %v, want exit status 1", err)
	}
	if !strings.Contains(string(out), message) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("the program printed %q, want one line with %q", out, message)
	}
}

// busyAddress returns an address whose port is in use during the test.
func busyAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testkit.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// startProgram starts a program that prints its address first, and returns the
// address.
func startProgram(t *testing.T, program *exec.Cmd) (address string) {
	t.Helper()
	stdout, err := program.StdoutPipe()
	testkit.NoError(t, err)
	testkit.NoError(t, program.Start())
	t.Cleanup(func() { _ = program.Process.Kill(); _ = program.Wait() }) // errors if it has ended before
	line, err := bufio.NewReader(stdout).ReadString('\n')
	testkit.NoError(t, err)
	return strings.TrimSpace(line)
}

func TestREADMEProgramsAreFormatted(t *testing.T) {
	for _, name := range []string{"quick-start", "production"} {
		program := readmeBlock(t, name)
		gofmt := exec.Command("gofmt", "-l")
		gofmt.Stdin = strings.NewReader(program)
		if out, err := gofmt.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: gofmt: %s, %v", name, out, err)
		}
		for line := range strings.Lines(program) {
			if len(line) > maxColumns+1 { // with its line break
				t.Errorf("%s: a line of %d columns: %s", name, len(line)-1, line)
			}
		}
	}
}

func TestREADMEQuickStartIsShort(t *testing.T) {
	_, code, _ := strings.Cut(readmeBlock(t, "quick-start"), "\n)\n")
	lines := 0
	for line := range strings.Lines(code) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	if lines > maxQuickStartLines {
		t.Errorf("the quick start has %d lines below its imports, want at most %d", lines, maxQuickStartLines)
	}
}

// quickStart returns the quick start with the fake in place of Crossmint, by the
// replacement that the README describes.
func quickStart(t *testing.T) string {
	t.Helper()
	program := readmeBlock(t, "quick-start")
	_, body, _ := strings.Cut(program, "func main() {\n")
	lines := strings.SplitAfterN(body, "\n", 3)
	program = replaceOnce(t, program, lines[0]+lines[1], readmeBlock(t, "quick-start-fake"))
	return replaceOnce(t, program, "\t\"os\"\n", "\t\"github.com/crossmint-go/auth/crossmint/crossminttest\"\n")
}

// listenAndServe replaces that of net/http: it listens on a free port and prints
// the address.
const listenAndServe = `package main

import (
	"fmt"
	"net"
	"net/http"
)

func listenAndServe(_ string, handler http.Handler) error {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	return http.Serve(listener, handler)
}
`

func TestREADMEQuickStart(t *testing.T) {
	program := buildProgram(t, replaceOnce(t, quickStart(t), "http.ListenAndServe(", "listenAndServe("), listenAndServe)
	site := "http://" + startProgram(t, program)
	jar, err := cookiejar.New(nil)
	testkit.NoError(t, err)
	browser := &http.Client{Jar: jar, Transport: navigation{}}

	path, page := readPage(t)(browser.Get(site + "/"))
	forms := regexp.MustCompile(`action="(/[a-z]+)">.*? name="([a-z]+)"`).FindAllStringSubmatch(page, -1)
	if path != "/signin" || len(forms) != 2 {
		t.Fatalf("without a session: %s, %q", path, page)
	}
	submit := func(form []string, value string) (path, page string) {
		return readPage(t)(browser.PostForm(site+form[1], url.Values{form[2]: {value}}))
	}
	if path, _ := submit(forms[0], "ada@example.com"); path != "/signin" {
		t.Fatalf("after the first form: %s", path)
	}
	_, code := readPage(t)(browser.Get(site + "/inbox?email=ada@example.com"))
	if path, page := submit(forms[1], strings.TrimSpace(code)); path != "/" || !strings.HasPrefix(page, "hello ") {
		t.Errorf("after the second form: %s, %q", path, page)
	}
}

// navigation sends requests as a browser that opens a page.
type navigation struct{}

func (navigation) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "text/html")
	r.Close = true // leaves no idle connection
	return http.DefaultTransport.RoundTrip(r)
}

// readPage returns a function that returns the path and the content of the page
// where a browser has arrived.
func readPage(t *testing.T) func(*http.Response, error) (path, content string) {
	return func(res *http.Response, err error) (string, string) {
		t.Helper()
		testkit.NoError(t, err)
		defer res.Body.Close()
		content, err := io.ReadAll(res.Body)
		testkit.NoError(t, err)
		return res.Request.URL.Path, string(content)
	}
}

func TestREADMEProgramsWithWrongAPIKey(t *testing.T) {
	for _, name := range []string{"quick-start", "production"} {
		t.Run(name, func(t *testing.T) {
			program := buildProgram(t, readmeBlock(t, name))
			program.Env = append(os.Environ(), "CROSSMINT_API_KEY=sk_live_123")
			wantFailure(t, program, "Old API key format")
		})
	}
}

func TestREADMEQuickStartWithPortInUse(t *testing.T) {
	program := replaceOnce(t, quickStart(t), `"localhost:8080"`, `"`+busyAddress(t)+`"`)
	wantFailure(t, buildProgram(t, program), "listen tcp 127.0.0.1:")
}

// snippetProgram declares the variables that the snippets of the README use.
const snippetProgram = `package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

var (
	jar       http.CookieJar
	site      *url.URL
	mux       *http.ServeMux
	require   func(http.Handler) http.Handler
	adminPage http.Handler
	backend   *url.URL
	cookies   *cookie.Codec
)

func main() {}

func test() {
	TEST
	_, _ = client, err
}

func claims(r *http.Request) (any, error) {
	CLAIMS
	return session.Claims[roles](r.Context())
}

func reverseProxy() {
	PROXY
}
`

func TestREADMESnippetsCompile(t *testing.T) {
	snippets := strings.NewReplacer(
		"TEST", readmeBlock(t, "test"), "CLAIMS", readmeBlock(t, "claims"), "PROXY", readmeBlock(t, "reverse-proxy"),
	)
	buildProgram(t, snippets.Replace(snippetProgram))
}

// Each block of Go has a name, so that a test compiles it.
func TestREADMEBlocksHaveNames(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	testkit.NoError(t, err)
	all := strings.Count(string(readme), "```go\n")
	named := len(regexp.MustCompile("<!-- [a-z-]+ -->\n```go\n").FindAll(readme, -1))
	if all != named {
		t.Errorf("%d of %d blocks of Go have a name", named, all)
	}
}
