package browser_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/npm"
)

// client is one published version of the browser client or of the React UI, bundled
// with the script of its page.
type client struct {
	name    string // of the package at npm
	version string
	page    *template.Template // with pageOptions
	script  []byte
}

// The names of the packages in js/package.json, the newest first.
var (
	clientPackages = []string{"client-1.3", "client-1.2"}
	uiPackages     = []string{"ui-4", "ui-2"}
)

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

// eachUI runs a test with every version of the React UI.
func eachUI(t *testing.T, test func(t *testing.T, c client)) {
	for _, c := range uis {
		t.Run("React UI "+c.version, func(t *testing.T) { test(t, c) })
	}
}

// bundleClients returns the bundled versions of the browser client and of the React UI.
func bundleClients() (clients, uis []client, err error) {
	if err := npm.Install("js"); err != nil {
		return nil, nil, err
	}
	for _, name := range clientPackages {
		c, err := newClient(name, clientTemplate, "app.js", "--alias:client="+name)
		if err != nil {
			return nil, nil, err
		}
		clients = append(clients, c)
	}
	for _, name := range uiPackages {
		c, err := newClient(name, uiTemplate, "react.jsx", append(uiOptions, "--alias:ui="+name)...)
		if err != nil {
			return nil, nil, err
		}
		uis = append(uis, c)
	}
	return clients, uis, nil
}

// uiOptions are the options of esbuild for the React UI. The pages use no wallets, which
// need the two aliased modules.
var uiOptions = []string{
	"--jsx=automatic", "--minify", `--define:process.env.NODE_ENV="production"`,
	"--alias:@mysten/sui/transactions=unused", "--alias:crypto=unused",
}

// newClient bundles the script of the page with an installed package.
func newClient(installed string, page *template.Template, script string, options ...string) (client, error) {
	raw, err := os.ReadFile(filepath.Join("js", "node_modules", installed, "package.json"))
	if err != nil {
		return client{}, err
	}
	var manifest struct{ Name, Version string }
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return client{}, err
	}
	esbuild, err := filepath.Abs(filepath.Join("js", "node_modules", ".bin", "esbuild"))
	if err != nil {
		return client{}, err
	}
	bundle, err := run(esbuild, append([]string{script, "--bundle", "--format=iife"}, options...)...)
	if err != nil {
		return client{}, fmt.Errorf("bundling %s: %w", installed, err)
	}
	return client{manifest.Name, manifest.Version, page, bundle}, nil
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
