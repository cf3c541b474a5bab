package browser_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// client is one published version of the browser client, bundled with the
// page's script.
type client struct {
	version string
	script  []byte
}

// packages are the names of the clients in js/package.json, the newest first.
var packages = []string{"client-1.3", "client-1.2"}

// newest returns the newest client.
func newest() client { return clients[0] }

// oldest returns the client that uses the unscoped names only.
func oldest() client { return clients[len(clients)-1] }

// eachClient runs a test with every version.
func eachClient(t *testing.T, test func(t *testing.T, c client)) {
	for _, c := range clients {
		t.Run("client "+c.version, func(t *testing.T) { test(t, c) })
	}
}

func bundleClients() ([]client, error) {
	if err := install(); err != nil {
		return nil, err
	}
	var all []client
	for _, name := range packages {
		version, err := versionOf(name)
		if err != nil {
			return nil, err
		}
		script, err := bundle(name)
		if err != nil {
			return nil, err
		}
		all = append(all, client{version, script})
	}
	return all, nil
}

// install installs the packages of the lock file if they are missing. npm ci verifies
// their hashes.
func install() error {
	lock, err := os.ReadFile(filepath.Join("js", "package-lock.json"))
	if err != nil {
		return err
	}
	installed := filepath.Join("js", "node_modules", ".installed") // a copy of the installed lock file
	if done, err := os.ReadFile(installed); err == nil && bytes.Equal(done, lock) {
		return nil
	}
	if _, err := run("npm", "ci"); err != nil {
		return fmt.Errorf("installing the browser client (Node and npm are needed): %w", err)
	}
	return os.WriteFile(installed, lock, 0o644)
}

func versionOf(name string) (string, error) {
	raw, err := os.ReadFile(filepath.Join("js", "node_modules", name, "package.json"))
	if err != nil {
		return "", err
	}
	var manifest struct{ Version string }
	err = json.Unmarshal(raw, &manifest)
	return manifest.Version, err
}

// bundle returns the script of the page with the imported client.
func bundle(name string) ([]byte, error) {
	esbuild, err := filepath.Abs(filepath.Join("js", "node_modules", ".bin", "esbuild"))
	if err != nil {
		return nil, err
	}
	script, err := run(esbuild, "app.js", "--bundle", "--format=iife", "--alias:client="+name)
	if err != nil {
		return nil, fmt.Errorf("bundling %s: %w", name, err)
	}
	return script, nil
}

// run runs a program in js and returns its output.
func run(program string, args ...string) ([]byte, error) {
	command := exec.Command(program, args...)
	command.Dir = "js"
	out, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w\n%s%s", filepath.Base(program), err, out, failed.Stderr)
	}
	return out, err
}
