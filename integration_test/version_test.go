package integration_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
)

// Upstream is told the version that the changelog describes.
func TestVersion(t *testing.T) {
	text, err := os.ReadFile("../CHANGELOG.md")
	fatal(t, err)
	newest := regexp.MustCompile(`(?m)^## v(\S+), `).FindSubmatch(text)
	if newest == nil || string(newest[1]) != crossmint.Version {
		t.Errorf("CHANGELOG.md begins with %q, crossmint.Version is %s", newest, crossmint.Version)
	}
}
