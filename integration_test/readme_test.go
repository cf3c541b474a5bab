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

// The README's program is what a reader copies first.
func TestREADMEProgram(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	fatal(t, err)
	program := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindSubmatch(readme)
	if program == nil {
		t.Fatal("the README has no program")
	}
	if lines := strings.Count(string(program[1]), "\n"); lines > maxProgramLines {
		t.Errorf("the program has %d lines, at most %d are read", lines, maxProgramLines)
	}
	file := filepath.Join(t.TempDir(), "main.go")
	fatal(t, os.WriteFile(file, program[1], 0o600))
	if out, err := exec.Command("gofmt", "-l", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("gofmt: %s, %v", out, err)
	}
	binary := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-o", binary, file).CombinedOutput(); err != nil {
		t.Fatalf("go build: %s, %v", out, err)
	}
	run := exec.Command(binary)
	run.Env = append(os.Environ(), "CROSSMINT_API_KEY=sk_live_123")
	if out, err := run.CombinedOutput(); err == nil || !strings.Contains(string(out), "Old API key format") {
		t.Errorf("with an old API key the program says %q, %v", out, err)
	}
}
