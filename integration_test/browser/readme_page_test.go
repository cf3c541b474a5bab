package browser_test

import (
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/handlers"
)

func readREADME(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	fatal(t, err)
	return string(readme)
}

// readmeBlock returns the block of the README below the comment with this name.
func readmeBlock(t *testing.T, name string) string {
	t.Helper()
	block := regexp.MustCompile("(?s)<!-- " + name + " -->\n```[a-z]+\n(.*?)```").FindStringSubmatch(readREADME(t))
	if block == nil {
		t.Fatalf("README.md has no block named %q", name)
	}
	return block[1]
}

// replaceOnce replaces a string that must occur exactly once.
func replaceOnce(t *testing.T, s, old, replacement string) string {
	t.Helper()
	if n := strings.Count(s, old); n != 1 {
		t.Fatalf("%q occurs %d times, want once", old, n)
	}
	return strings.Replace(s, old, replacement, 1)
}

// readmePage returns the page of the README, with the newest client. It differs in the
// API key, and calls the fake in place of Crossmint.
func readmePage(t *testing.T) client {
	t.Helper()
	const (
		doctype = "<!doctype html>\n"
		element = `<script type="application/json" id="options">{{.}}</script>`
		options = `JSON.parse(document.querySelector("#options").textContent)`
	)
	html := replaceOnce(t, readmeBlock(t, "page"), doctype, doctype+element)
	script := replaceOnce(t, readmeBlock(t, "page-script"), `apiKey: "ck_…"`,
		"apiKey: "+options+".apiKey, overrideBaseUrl: "+options+".upstream")
	if install := "npm install @crossmint/client-sdk-auth@" + newest().version; !strings.Contains(readREADME(t), install) {
		t.Errorf("README.md does not say %q", install)
	}
	file := filepath.Join(t.TempDir(), "page.js")
	fatal(t, os.WriteFile(file, []byte(script), 0o600))
	installed, err := filepath.Abs(filepath.Join("js", "node_modules", clientPackages[0]))
	fatal(t, err)
	parsed := template.Must(template.New("README").Parse(html))
	c, err := newClient(clientPackages[0], parsed, file, "--alias:@crossmint/client-sdk-auth="+installed)
	fatal(t, err)
	return c
}

// answerPrompts answers the prompts of the loaded page: the first with the address, the
// second with the code that upstream has sent by then.
func (s *site) answerPrompts(t *testing.T, p page) {
	t.Helper()
	p.script(fmt.Sprintf(`(() => {
		const code = () => {
			const request = new XMLHttpRequest();
			request.open("GET", "/code", false);
			request.send();
			return request.responseText;
		};
		const answers = [() => %q, code];
		globalThis.prompt = () => answers.shift()();
		return "";
	})()`, email))
}

// TestREADMEPage signs in on the page of the README, reloads it, and signs out.
func TestREADMEPage(t *testing.T) {
	client := readmePage(t)
	eachBrowser(t, func(t *testing.T, p page) {
		s := newSite(t, options{client: client, tls: true, handlers: handlers.Config{OmitRefreshSecret: true}})
		shown := func() string { return p.script(`document.querySelector("#user").value`) }
		p.open(s.url)
		await(t, "the logout of an anonymous page", 1, func() int { return len(s.journal.to("/logout")) })

		s.answerPrompts(t, p)
		click(t, p, "#sign-in")
		await(t, "the user on the page", s.user(), shown)
		expectNames(t, p, pair...)
		s.expectUser(t, p, s.user())
		p.open(s.url)
		await(t, "the user after a reload", s.user(), shown)

		click(t, p, "#sign-out")
		await(t, "the page without a user", "", shown)
		expectNames(t, p)
		s.expectUser(t, p, "")
	})
}
