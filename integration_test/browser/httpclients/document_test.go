package httpclients_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
)

// documentedSection returns the section about HTTP clients of docs/compat.md.
func documentedSection(t *testing.T) string {
	t.Helper()
	document, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "compat.md"))
	testkit.NoError(t, err)
	_, section, _ := strings.Cut(string(document), "\n## HTTP clients\n")
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// tableRow is a row of a table.
var tableRow = regexp.MustCompile(`(?m)^\| (.*) \|$`)

// documentedBehaviors returns the first table of the section: by behavior and client. Its
// columns are the behavior, the clients, and the consequence.
func documentedBehaviors(t *testing.T) map[string]map[string]string {
	t.Helper()
	table, _, _ := strings.Cut(documentedSection(t), "\n### ")
	rows := tableRow.FindAllStringSubmatch(table, -1)
	if len(rows) == 0 {
		t.Fatal("docs/compat.md has no table of HTTP clients")
	}
	head := strings.Split(rows[0][1], " | ")
	documented := map[string]map[string]string{}
	for _, row := range rows[1:] {
		cells := strings.Split(row[1], " | ")
		if len(cells) != len(head) {
			t.Fatalf("docs/compat.md: a row of %d cells below a head of %d: %s", len(cells), len(head), row[1])
		}
		results := map[string]string{}
		for i := 1; i < len(head)-1; i++ {
			results[head[i]] = cells[i]
		}
		documented[cells[0]] = results
	}
	return documented
}

// TestDocumentedVersions compares the versions of the packages of npm. Those of Debian's
// packages change with its updates.
func TestDocumentedVersions(t *testing.T) {
	section := documentedSection(t)
	for _, name := range []string{"tough-cookie", "fetch-cookie", "undici"} {
		if want := name + " " + installed(t, name); !strings.Contains(section, want) {
			t.Errorf("docs/compat.md does not name %s", want)
		}
	}
}
