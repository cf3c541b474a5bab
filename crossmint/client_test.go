package crossmint_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
)

// The version that upstream is told is the newest one of the changelog.
func TestVersion(t *testing.T) {
	text, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## v(\S+), `).FindSubmatch(text)
	if newest == nil || string(newest[1]) != crossmint.Version {
		t.Errorf("the newest version of CHANGELOG.md is %q, the client's is %s", newest, crossmint.Version)
	}
}
