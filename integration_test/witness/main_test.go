package witness_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// TestMain installs the SDK before the first test.
func TestMain(m *testing.M) {
	if err := install(); err != nil {
		log.Fatal(err)
	}
	goleak.VerifyTestMain(suite{m})
}

// suite stops the SDK after the last test, before goleak looks for leaks.
type suite struct{ *testing.M }

func (s suite) Run() int {
	defer sdk.stop()
	return s.M.Run()
}

// install installs the JavaScript packages of the lock file if they are missing or
// others.
func install() error {
	lock, err := os.ReadFile(filepath.Join("js", "package-lock.json"))
	if err != nil {
		return err
	}
	mark := filepath.Join("js", "node_modules", ".installed-lock.json")
	if installed, err := os.ReadFile(mark); err == nil && bytes.Equal(installed, lock) {
		return nil
	}
	command := exec.Command("npm", "ci")
	command.Dir = "js"
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci (Node and npm are needed): %w\n%s", err, out)
	}
	return os.WriteFile(mark, lock, 0o600)
}
