package otelsession_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// around is the rest of the README's program: imports that any editor adds, and
// the use of err.
const around = `package main

IMPORTS

import (
	"net/http"
	"os"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

func main() {
	CODE
	_ = err
}
`

func TestREADMECompiles(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	must(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(import .*?)\n\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if all := strings.Count(string(readme), "```") / 2; len(blocks) != all || all == 0 {
		t.Fatalf("%d of %d blocks are Go that begins with its import", len(blocks), all)
	}
	for _, block := range blocks {
		file := filepath.Join(t.TempDir(), "main.go")
		must(t, os.WriteFile(file, []byte(strings.NewReplacer("IMPORTS", block[1], "CODE", block[2]).Replace(around)), 0o600))
		if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("go vet: %s, %v", out, err)
		}
	}
}
