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

// tabTo presses Tab until an element has the focus, and looks that it shows.
func (v *visitor) tabTo(element string) {
	v.Helper()
	for range 40 {
		v.press("\t")
		if !read[bool](v, `document.activeElement.matches("`+element+`")`) {
			continue
		}
		if !read[bool](v, `(({ outlineStyle, outlineWidth }) => outlineStyle === "solid" && outlineWidth === "3px")(getComputedStyle(document.activeElement))`) {
			v.Errorf("nobody sees that %s has the focus", element)
		}
		return
	}
	v.Fatalf("no number of Tabs leads to %s", element)
}

// TestKeyboard goes the whole way with Tab, Enter, Space and the arrows.
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
	v.await(`document.querySelector("#burst-result").textContent.startsWith("50 requests, 1 upstream call")`)
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
