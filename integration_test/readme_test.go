package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const maxProgramLines = 45

// readmeCode returns the README's Go: the program, and the test.
func readmeCode(t *testing.T) (program, test string) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	fatal(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) != 2 || !strings.HasPrefix(blocks[0][1], "package main\n") {
		t.Fatalf("the README has %d blocks of Go; expected are a program and a test", len(blocks))
	}
	return blocks[0][1], blocks[1][1]
}

// build returns the binary that the files are, each given by its text.
func build(t *testing.T, files ...string) (binary string) {
	t.Helper()
	folder := t.TempDir()
	binary = filepath.Join(folder, "program.exe") // Windows wants the ending
	args := []string{"build", "-o", binary}
	for i, text := range files {
		file := filepath.Join(folder, string(rune('a'+i))+".go")
		fatal(t, os.WriteFile(file, []byte(text), 0o600))
		args = append(args, file)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %s, %v", out, err)
	}
	return binary
}

// The README's program is what a reader copies first.
func TestREADMEProgram(t *testing.T) {
	program, _ := readmeCode(t)
	if lines := strings.Count(program, "\n"); lines > maxProgramLines {
		t.Errorf("the program has %d lines, at most %d are read", lines, maxProgramLines)
	}
	gofmt := exec.Command("gofmt", "-l")
	gofmt.Stdin = strings.NewReader(program)
	if out, err := gofmt.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("gofmt: %s, %v", out, err)
	}
	run := exec.Command(build(t, program))
	run.Env = append(os.Environ(), "CROSSMINT_API_KEY=sk_live_123")
	if out, err := run.CombinedOutput(); err == nil || !strings.Contains(string(out), "Old API key format") {
		t.Errorf("with an old API key the program says %q, %v", out, err)
	}
}

// around is what the README's test takes from the text beside it.
const around = `package main

import (
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

var (
	jar  http.CookieJar
	site *url.URL
)

func main() {
	CODE
	_, _ = client, err
}
`

func TestREADMETest(t *testing.T) {
	_, test := readmeCode(t)
	build(t, strings.Replace(around, "CODE", test, 1))
}
