package network_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// world is the authority that everybody in these tests trusts.
var world *authority

func TestMain(m *testing.M) {
	folder, err := trustWorld()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// trustWorld makes the world's authority the only one that this process
// trusts, so that the client under test keeps the transport it has anyway.
func trustWorld() (folder string, err error) {
	if world, err = newAuthority(); err != nil {
		return "", err
	}
	if folder, err = os.MkdirTemp("", "network"); err != nil {
		return "", err
	}
	file := filepath.Join(folder, "world.pem")
	if err := os.WriteFile(file, world.pem(), 0o600); err != nil {
		return "", err
	}
	return folder, os.Setenv("SSL_CERT_FILE", file)
}
