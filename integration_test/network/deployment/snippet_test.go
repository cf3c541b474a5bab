package deployment_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const document = "../../../docs/deployments.md"

// A snippet of the document is a block of code below a comment that names it.
var snippetPattern = regexp.MustCompile("(?s)<!-- ([a-z-]+) -->\n```([a-z]+)\n(.*?)```")

// The code in the files of this folder that is a snippet is between two
// comments.
var regionPattern = regexp.MustCompile(`(?s)//doc:([a-z-]+)\n(.*?)\n[\t ]*//doc:end`)

// snippet returns a block of the document.
func snippet(t *testing.T, name, language string) string {
	t.Helper()
	text, ok := snippets(t, language)[name]
	if !ok {
		t.Fatalf("%s has no %s snippet %q", document, language, name)
	}
	return text
}

func snippets(t *testing.T, language string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(document)
	fatal(t, err)
	found := map[string]string{}
	for _, match := range snippetPattern.FindAllStringSubmatch(string(text), -1) {
		if match[2] == language {
			found[match[1]] = match[3]
		}
	}
	return found
}

// TestSnippetsAreWhatRuns compares the document's Go with this folder's.
func TestSnippetsAreWhatRuns(t *testing.T) {
	code, err := os.ReadFile("go_test.go")
	fatal(t, err)
	running := map[string]string{}
	for _, match := range regionPattern.FindAllStringSubmatch(string(code), -1) {
		running[match[1]] = dedent(match[2])
	}
	if diff := cmp.Diff(running, snippets(t, "go")); diff != "" {
		t.Errorf("%s (-what runs +the document):\n%s", document, diff)
	}
}

// TestBrowsersRunTheHTML looks for the document's HTML in the tests of the browsers.
func TestBrowsersRunTheHTML(t *testing.T) {
	tests, err := os.ReadFile(filepath.Join("..", "..", "browser", "back_test.go"))
	fatal(t, err)
	for name, html := range snippets(t, "html") {
		if !strings.Contains(string(tests), "`"+strings.TrimSpace(html)+"`") {
			t.Errorf("no browser runs the snippet %q", name)
		}
	}
}

// TestNothingIsUntested looks for code in the document that has no name.
func TestNothingIsUntested(t *testing.T) {
	text, err := os.ReadFile(document)
	fatal(t, err)
	blocks := strings.Count(string(text), "```") / 2
	named := 0
	for _, language := range []string{"go", "nginx", "caddy", "yaml", "haproxy", "apache", "vcl", "sh", "html"} {
		named += len(snippets(t, language))
	}
	if named != blocks || named == 0 {
		t.Errorf("%d blocks of code, %d with a name of their own", blocks, named)
	}
}

// dedent removes the tabs that all lines begin with.
func dedent(code string) string {
	lines := strings.Split(code, "\n")
	depth := len(code)
	for _, line := range lines {
		if line != "" {
			depth = min(depth, len(line)-len(strings.TrimLeft(line, "\t")))
		}
	}
	for i, line := range lines {
		lines[i] = line[min(depth, len(line)):]
	}
	return strings.Join(lines, "\n") + "\n"
}
