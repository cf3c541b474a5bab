package browser_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// waitTimeout bounds every wait of a test. Only a failure takes that long.
const waitTimeout = 30 * time.Second

// tab is one tab of a browser profile.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// newTab returns a tab of a new profile.
func newTab(t *testing.T) *tab {
	t.Helper()
	return openTab(t, browser.Context(), chromedp.WithNewBrowserContext())
}

// another returns a second tab of the same profile.
func (b *tab) another() *tab {
	b.t.Helper()
	return openTab(b.t, b.ctx)
}

func openTab(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	b := &tab{t, ctx}
	b.must(chromedp.Do(ctx))
	t.Cleanup(b.saveScreenshot)
	return b
}

func (b *tab) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// limited returns a context for one action in the tab.
func (b *tab) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, waitTimeout)
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	b.must(chromedp.Do(ctx, actions...))
}

// open goes to a page and waits until it is loaded.
func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

func (b *tab) reload() {
	b.t.Helper()
	b.do(chromedp.Reload())
}

func (b *tab) enter(field, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(field), text))
}

func (b *tab) click(element string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(element)))
}

// script runs an expression in the page, awaits promises, and returns its value.
func (b *tab) script(expression string) string {
	b.t.Helper()
	text, err := b.evaluate(expression)
	b.must(err)
	return text
}

func (b *tab) evaluate(expression string) (string, error) {
	ctx, cancel := b.limited()
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
}

// start runs an expression that may navigate away; then it has no value.
func (b *tab) start(expression string) {
	if _, err := b.evaluate(expression); err != nil {
		b.t.Logf("%s: %v", expression, err)
	}
}

// text returns the text of an element. It is "" if there is none, or during a
// navigation.
func (b *tab) text(element string) string {
	text, err := b.evaluate(`document.querySelector("` + element + `")?.textContent ?? ""`)
	if err != nil {
		return ""
	}
	return text
}

// saveScreenshot saves a screenshot of the tab if the test has failed.
func (b *tab) saveScreenshot() {
	if !b.t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("no screenshot: %v", err)
		return
	}
	b.t.Logf("screenshot: %s", save(b.t, picture))
}

// save writes a picture to the folder BROWSER_SCREENSHOTS, or to a folder for temporary
// files.
func save(t *testing.T, picture []byte) string {
	folder := os.Getenv("BROWSER_SCREENSHOTS")
	if folder == "" {
		folder = filepath.Join(os.TempDir(), "browser-screenshots")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Log(err)
	}
	name := strings.NewReplacer("/", "_", ",", "", " ", "_").Replace(t.Name())
	file, err := os.CreateTemp(folder, name+"-*.png")
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if _, err := file.Write(picture); err != nil {
		return err.Error()
	}
	return file.Name()
}

// await waits until get returns want.
func await[T any](t *testing.T, what string, want T, get func() T) {
	t.Helper()
	for end := time.Now().Add(waitTimeout); ; time.Sleep(10 * time.Millisecond) {
		diff := cmp.Diff(want, get())
		if diff == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: timeout (-want +got):\n%s", what, diff)
		}
	}
}
