package examplepage_test

import (
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
)

// TestSignInWithProvider signs in with the provider in its own window. Before that,
// the page gets a secret from itself and from another window, and takes neither.
func TestSignInWithProvider(t *testing.T) {
	const forged = `data: { event: "authMaterialFromPopupCallback", data: { oneTimeSecret: "forged" } }`
	v := visit(t)
	v.do(examplepage.Visit(v.program.URL + "/signin?return_to=/signin%3Fhere"))
	v.click("#oauth")
	v.await(`document.querySelector("#start button")`)
	for _, source := range []string{"null", "window", `document.body.appendChild(document.createElement("iframe")).contentWindow`} {
		read[bool](v, `dispatchEvent(new MessageEvent("message", { source: `+source+`, `+forged+` }))`)
		if secret := read[string](v, `document.querySelector("#finish").elements.secret.value`); secret != "" {
			t.Errorf("the page takes a secret from %s", source)
		}
	}
	v.click("#start button")
	v.await(`location.pathname + location.search === "/signin?here"`, `document.querySelector("#user-id")`)
}
