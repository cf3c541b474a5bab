// Package npm installs the JavaScript packages that tests need.
package npm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Install installs the packages of the lock file in a folder if they are missing or
// others. npm ci verifies their hashes.
func Install(folder string) error {
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return err
	}
	installed := filepath.Join(folder, "node_modules", ".installed") // a copy of the installed lock file
	if done, err := os.ReadFile(installed); err == nil && bytes.Equal(done, lock) {
		return nil
	}
	command := exec.Command("npm", "ci")
	command.Dir = folder
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s (Node and npm are needed): %w\n%s", folder, err, out)
	}
	return os.WriteFile(installed, lock, 0o644)
}
