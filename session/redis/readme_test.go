package redis_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// around is the rest of the README's program.
const around = `package main

import (
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

var (
	client *crossmint.Client
	secret string
)

func main() {
	NEW
	_, _ = CONFIG, err
}
`

// The README of the root module has two lines of code for a fleet.
func TestREADMECompiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?ms)^    (fleet, err := redis.New\\([^\n]*)$.*?^and `(session.Config{[^`]*})`").FindStringSubmatch(string(readme))
	if found == nil {
		t.Fatal("the README does not say how a fleet shares")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(strings.NewReplacer("NEW", found[1], "CONFIG", found[2]).Replace(around)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
		t.Errorf("go vet: %s, %v", out, err)
	}
}
