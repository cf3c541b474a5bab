package examplepage_test

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
)

func (v *visitor) press(keys string) {
	v.Helper()
	v.do(examplepage.Press(keys))
}

// tabTo presses Tab until an element has the focus, and checks that the focus
// is visible.
func (v *visitor) tabTo(element string) {
	v.Helper()
	for range 40 {
		v.press("\t")
		if !read[bool](v, `document.activeElement.matches("`+element+`")`) {
			continue
		}
		if !read[bool](v, `(({ outlineStyle, outlineWidth }) => outlineStyle === "solid" && outlineWidth === "3px")(getComputedStyle(document.activeElement))`) {
			v.Errorf("the focus of %s is not visible", element)
		}
		return
	}
	v.Fatalf("%s is not reachable by Tab", element)
}

// TestKeyboard uses the whole page by Tab, Enter, Space and the arrow keys.
func TestKeyboard(t *testing.T) {
	v := visit(t)
	v.await(signedOut)
	v.tabTo("#email")
	v.press("\r")
	v.await(`document.activeElement.id === "code"`)
	v.press(v.text("#inbox-code") + "\r")
	v.await(signedIn, `document.activeElement.id === "session-title"`)

	v.tabTo("#call-me")
	v.press("\r")
	v.tabTo("#sign-out")
	v.tabTo("#auto")
	v.press(" ")
	v.await(`!document.querySelector("#auto").checked`)

	v.tabTo("#burst")
	v.press("\r")
	v.await(`document.querySelector("#burst-result").textContent.startsWith("50 succeeded, 1 call to Crossmint")`)
	v.await(`document.activeElement.id === "burst"`)
	v.tabTo("[name=mode]")
	for _, mode := range []string{"slow", "down"} {
		v.press(kb.ArrowDown)
		v.await(`document.querySelector("input[value=` + mode + `]").matches(":focus:checked")`)
		v.await(`!document.querySelector("#can-` + mode + `").hidden`)
	}
	v.tabTo("#sign-out")
	v.press("\r")
	v.await(signedOut, `document.activeElement.id === "email"`)
}
