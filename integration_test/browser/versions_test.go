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
	for _, all := range [][]client{clients, uis} {
		name := all[0].name
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(name) + "` \\| ([^|]*) \\|").FindSubmatch(document)
		if row == nil {
			t.Fatalf("docs/compat.md has no row for %s", name)
		}
		var versions []string
		for _, c := range all {
			versions = append(versions, c.version)
		}
		if got, want := string(row[1]), strings.Join(versions, ", "); got != want {
			t.Errorf("docs/compat.md names %s %q, installed are %q", name, got, want)
		}
	}
}
