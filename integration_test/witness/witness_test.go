package witness_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scenarios are all compared scenarios.
var scenarios = slices.Concat(
	sessionScenarios, refreshScenarios, logoutScenarios, nodeScenarios, callScenarios, cookieScenarios, wireScenarios,
)

func TestDifferencesAreDocumented(t *testing.T) {
	rows, err := readTableFile()
	fatal(t, err)
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			found := compare(sc.name, sc.perform(t, sdkSide{}), sc.perform(t, &kitSide{}))
			for _, fault := range checkDifferences(found, of(sc.name, rows)) {
				t.Error(fault)
			}
		})
	}
}

func TestRowsBelongToScenarios(t *testing.T) {
	rows, err := readTableFile()
	fatal(t, err)
	known := map[string]bool{}
	for _, sc := range scenarios {
		if known[sc.name] {
			t.Errorf("two scenarios %s", sc.name)
		}
		known[sc.name] = true
	}
	for _, r := range rows {
		if name, _, _ := strings.Cut(r.key, "/"); !known[name] {
			t.Errorf("%s: the row belongs to no scenario", r.key)
		}
	}
}

func TestDocumentedVersions(t *testing.T) {
	document, err := os.ReadFile(tablePath)
	fatal(t, err)
	for _, name := range []string{"server-sdk", "common-sdk-auth"} {
		text, err := os.ReadFile(filepath.Join("js", "node_modules", "@crossmint", name, "package.json"))
		fatal(t, err)
		var installed struct{ Version string }
		fatal(t, json.Unmarshal(text, &installed))
		if !regexp.MustCompile("`@crossmint/" + name + "`[^\n]* " + regexp.QuoteMeta(installed.Version) + `\b`).Match(document) {
			t.Errorf("@crossmint/%s %s is installed, but the document does not name it", name, installed.Version)
		}
	}
}
