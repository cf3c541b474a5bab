package page_test

import (
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"testing"

	"github.com/crossmint-go/auth/example/internal/page"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// get returns the response of the handler.
func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

var (
	references = regexp.MustCompile(`(?:src|href)="(/[^"]*)"`)
	imports    = regexp.MustCompile(`from "\./([^"]*)"`)
)

// TestReferences follows all references of the documents and scripts.
func TestReferences(t *testing.T) {
	handler := page.Handler(page.Config{Demo: true})
	seen := map[string]bool{}
	var follow func(string)
	follow = func(name string) {
		// Another handler serves /signin.
		if seen[name] || name == "/signin" {
			return
		}
		seen[name] = true
		w := get(t, handler, name)
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d", name, w.Code)
		}
		for _, found := range references.FindAllStringSubmatch(w.Body.String(), -1) {
			follow(found[1])
		}
		for _, found := range imports.FindAllStringSubmatch(w.Body.String(), -1) {
			follow(path.Join(path.Dir(name), found[1]))
		}
	}
	follow("/")
	for _, name := range []string{"/tab", "/assets/style.css", "/assets/timeline.js", "/assets/tab.js"} {
		if !seen[name] {
			t.Errorf("no document refers to %s", name)
		}
	}
}

// TestNothingInline checks that the documents obey the Content-Security-Policy.
func TestNothingInline(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]|\sstyle=|\son[a-z]+=|https?://`)
	handler := page.Handler(page.Config{Demo: true})
	for _, name := range []string{"/", "/tab"} {
		if found := inline.FindString(get(t, handler, name).Body.String()); found != "" {
			t.Errorf("%s contains %q", name, found)
		}
	}
}

func TestWithoutDemo(t *testing.T) {
	body := get(t, page.Handler(page.Config{Environment: "staging"}), "/").Body.String()
	for _, control := range []string{"upstream", "burst", "expired", "use-code"} {
		if regexp.MustCompile(`id="` + control + `"`).MatchString(body) {
			t.Errorf("the page contains the control %q", control)
		}
	}
}
