package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFormsHaveFields reads every POST form of the repository's pages. lynx sends a
// form without any field as GET.
func TestFormsHaveFields(t *testing.T) {
	form := regexp.MustCompile(`(?s)<form[^>]*method="post".*?</form>`)
	forms := 0
	fatal(t, filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".html" && filepath.Ext(path) != ".md" {
			return err
		}
		page, err := os.ReadFile(path)
		for _, found := range form.FindAllString(string(page), -1) {
			forms++
			if !strings.Contains(found, " name=") {
				t.Errorf("%s: a form without a field: %s", path, found)
			}
		}
		return err
	}))
	if forms < 6 {
		t.Errorf("%d forms found, want 6 or more", forms)
	}
}
