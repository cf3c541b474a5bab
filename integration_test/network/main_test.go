package network_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// trustedAuthority is the authority that this process trusts.
var trustedAuthority *authority

func TestMain(m *testing.M) {
	folder, err := trustOneAuthority()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// trustOneAuthority makes trustedAuthority the only one that this process trusts, so
// that the tested client can use its own transport.
func trustOneAuthority() (folder string, err error) {
	if trustedAuthority, err = newAuthority(); err != nil {
		return "", err
	}
	if folder, err = os.MkdirTemp("", "network"); err != nil {
		return "", err
	}
	file := filepath.Join(folder, "authority.pem")
	if err := os.WriteFile(file, trustedAuthority.pem(), 0o600); err != nil {
		return "", err
	}
	return folder, os.Setenv("SSL_CERT_FILE", file)
}
