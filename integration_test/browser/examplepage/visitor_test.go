package examplepage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
	"github.com/google/go-cmp/cmp"
)

// JavaScript conditions of the page.
const (
	signedIn    = `!document.querySelector("#session").hidden`
	signedOut   = `!document.querySelector("#signed-out").hidden`
	unavailable = `document.querySelector("#notice").textContent.startsWith("Try again later")`
	noNotice    = `document.querySelector("#notice").hidden`
	refreshed   = `document.querySelector("#line [data-name=refreshed][data-op=authenticate]")`
)

// visitor is a browser tab with its own running example.
type visitor struct {
	*testing.T
	tab     *examplepage.Tab
	program *examplepage.Program
}

// visit starts the example and opens its page.
func visit(t *testing.T) *visitor {
	t.Helper()
	program, err := examplepage.Start(built)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := program.Stop(); err != nil {
			t.Errorf("the example ended with %v", err)
		}
	})
	tab, closeTab, err := examplepage.Open(browser)
	return (&visitor{T: t, program: program}).with(tab, closeTab, err)
}

// another opens a second tab of the same profile.
func (v *visitor) another() *visitor {
	v.Helper()
	tab, closeTab, err := v.tab.Another()
	return (&visitor{T: v.T, program: v.program}).with(tab, closeTab, err)
}

// with opens the page in a tab. At the end of the test it checks that the page
// caused no errors and no requests to other sites.
func (v *visitor) with(tab *examplepage.Tab, closeTab func(), err error) *visitor {
	v.Helper()
	v.must(err)
	v.Cleanup(closeTab)
	v.tab = tab
	record, err := tab.Record()
	v.must(err)
	v.Cleanup(func() {
		if v.Failed() {
			v.saveScreenshot()
		}
		if diff := cmp.Diff([]string(nil), record.Errors()); diff != "" {
			v.Errorf("errors of the page (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string(nil), record.Foreign(v.program.URL)); diff != "" || record.Requests() == 0 {
			v.Errorf("%d requests, and these to other sites (-want +got):\n%s", record.Requests(), diff)
		}
	})
	v.do(examplepage.Visit(v.program.URL))
	return v
}

func (v *visitor) must(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

func (v *visitor) do(steps ...examplepage.Step) {
	v.Helper()
	v.must(v.tab.Do(steps...))
}

func (v *visitor) signIn() {
	v.Helper()
	v.do(examplepage.SignIn(v.program))
}

func (v *visitor) click(element string) {
	v.Helper()
	v.do(examplepage.Click(element))
}

func (v *visitor) await(conditions ...string) {
	v.Helper()
	for _, condition := range conditions {
		v.do(examplepage.Await(condition))
	}
}

// text returns the text of an element.
func (v *visitor) text(element string) string {
	v.Helper()
	return read[string](v, `document.querySelector("`+element+`").textContent`)
}

func read[T any](v *visitor, expression string) T {
	v.Helper()
	value, err := examplepage.Read[T](v.tab, expression)
	v.must(err)
	return value
}

// withoutTimer disables the automatic requests of the tab and its frame.
func (v *visitor) withoutTimer() {
	v.Helper()
	v.click("#auto")
	v.await(`document.querySelector("#frame").contentDocument.querySelector("#auto").checked`)
	read[bool](v, `document.querySelector("#frame").contentDocument.querySelector("#auto").click() ?? true`)
}

// setMode switches Crossmint to up, slow or down.
func (v *visitor) setMode(mode string) {
	v.Helper()
	v.click(`input[value=` + mode + `]`)
	v.await(`!document.querySelector("#can-` + mode + `").hidden`)
}

// saveScreenshot saves a picture of the tab in the folder BROWSER_SCREENSHOTS,
// or else in a temporary folder that stays.
func (v *visitor) saveScreenshot() {
	folder := os.Getenv("BROWSER_SCREENSHOTS")
	if folder == "" {
		folder = filepath.Join(os.TempDir(), "browser-screenshots")
	}
	picture, err := v.tab.Picture()
	if err != nil {
		v.Logf("no screenshot: %v", err)
		return
	}
	name := filepath.Join(folder, strings.NewReplacer("/", "_", ",", "", " ", "_").Replace(v.Name())+".png")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		v.Log(err)
	}
	v.Logf("screenshot: %s (%v)", name, os.WriteFile(name, picture, 0o644))
}
