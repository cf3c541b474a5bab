package integration_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
)

var (
	linkPattern    = regexp.MustCompile(`\[([^\]]*)\]\(([^)]+)\)`)
	headingPattern = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fencePattern   = regexp.MustCompile("(?ms)^```.*?^```$")
	spanPattern    = regexp.MustCompile("`[^`\n]+`")
	examplePattern = regexp.MustCompile("^`(Example\\w*)`$")
	slugRemoved    = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// documents returns the Markdown files of this repository.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	testkit.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			paths = append(paths, path)
		}
		return nil
	}))
	return paths
}

// Every relative link leads to a file, every anchor to a heading, and every link
// with the name of an example to a file with that example.
func TestLinks(t *testing.T) {
	links := 0
	for _, document := range documents(t) {
		content := readDocument(t, document)
		for _, match := range linkPattern.FindAllStringSubmatch(content, -1) {
			text, target := match[1], match[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			if problem := checkLink(t, document, text, target); problem != "" {
				t.Errorf("%s: the link %s: %s", document, match[0], problem)
			}
		}
	}
	if links == 0 {
		t.Error("no relative link was found")
	}
}

// checkLink returns the problem of a link, or "".
func checkLink(t *testing.T, document, text, target string) string {
	t.Helper()
	path, anchor, hasAnchor := strings.Cut(target, "#")
	file := document
	if path != "" {
		file = filepath.Join(filepath.Dir(document), path)
	}
	if _, err := os.Stat(file); err != nil {
		return "the file does not exist"
	}
	if hasAnchor && !hasHeading(readDocument(t, file), anchor) {
		return "the heading does not exist"
	}
	if example := examplePattern.FindStringSubmatch(text); example != nil {
		code, err := os.ReadFile(file)
		testkit.NoError(t, err)
		if !strings.Contains(string(code), "\nfunc "+example[1]+"(") {
			return "the file has no such example"
		}
	}
	return ""
}

// readDocument returns a document without code that looks like a link.
func readDocument(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	testkit.NoError(t, err)
	prose := fencePattern.ReplaceAllString(string(content), "")
	return spanPattern.ReplaceAllStringFunc(prose, func(span string) string {
		if strings.Contains(span, "[") {
			return ""
		}
		return span
	})
}

// hasHeading reports whether GitHub gives one of the headings this anchor.
func hasHeading(document, anchor string) bool {
	for _, match := range headingPattern.FindAllStringSubmatch(document, -1) {
		slug := slugRemoved.ReplaceAllString(strings.ToLower(match[1]), "")
		if strings.ReplaceAll(slug, " ", "-") == anchor {
			return true
		}
	}
	return false
}
