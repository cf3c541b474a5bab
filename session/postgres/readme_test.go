package postgres_test

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
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/postgres"
)

var secret string

func main() {
	NEW
	_, _ = fleet, err
}
`

// The README of the root module has a line of code for PostgreSQL.
func TestREADMECompiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^    (fleet, err := postgres.New\(.*)$`).FindStringSubmatch(string(readme))
	if found == nil {
		t.Fatal("the README does not say how a fleet shares through PostgreSQL")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(around, "NEW", found[1])), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
		t.Errorf("go vet: %s, %v", out, err)
	}
}
