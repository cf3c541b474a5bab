package browser_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
)

// TestExamplePage signs in on the page of the example with the code that it shows, waits
// for the refresh of the expired JWT, signs out, and sends a request with an expired JWT.
// The package examplepage tests the page further, in Chromium.
func TestExamplePage(t *testing.T) {
	program, err := examplepage.Build(t.Context(), "../..", t.TempDir())
	fatal(t, err)
	eachBrowser(t, func(t *testing.T, p page) {
		running, err := examplepage.Start(program)
		fatal(t, err)
		t.Cleanup(func() { fatal(t, running.Stop()) })
		text := func(element string) string {
			return p.script(fmt.Sprintf(`document.querySelector(%q).textContent`, element))
		}
		visible := func(element string) func() bool {
			return func() bool {
				return p.script(fmt.Sprintf(`String(!document.querySelector(%q).hidden)`, element)) == "true"
			}
		}
		p.open(running.URL)
		await(t, "the form to sign in", true, visible("#signed-out"))
		click(t, p, "#email-form button")
		await(t, "the code", true, func() bool { return regexp.MustCompile(`^\d{6}$`).MatchString(text("#inbox-code")) })
		click(t, p, "#use-code")
		click(t, p, "#code-form [type=submit]")
		await(t, "the session", true, visible("#session"))

		expires := text("#expires-at")
		await(t, "another expiry", true, func() bool { return text("#expires-at") != expires })
		await(t, "the session with the next JWT", true, visible("#session"))

		click(t, p, "#sign-out")
		await(t, "the form after the logout", true, visible("#signed-out"))
		click(t, p, "#expired")
		await(t, "the refused request", "401", func() string { return fmt.Sprintf("%.3s", text("#expired-result")) })
	})
}
