package browser_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDocumentedVersions(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "compat.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `@crossmint/client-sdk-auth` \\| ([^|]*) \\|").FindSubmatch(document)
	if row == nil {
		t.Fatal("docs/compat.md has no row for the browser client")
	}
	var versions []string
	for _, c := range clients {
		versions = append(versions, c.version)
	}
	if got, want := string(row[1]), strings.Join(versions, ", "); got != want {
		t.Errorf("docs/compat.md names %q, installed are %q", got, want)
	}
}
