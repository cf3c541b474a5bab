package examplepage_test

import "testing"

// inFrame is a condition in the document of the tab on the page.
func inFrame(condition string) string {
	return `((document) => ` + condition + `)(document.querySelector("#frame").contentDocument)`
}

// TestSecondTab has a real second tab, and the one on the page, follow.
func TestSecondTab(t *testing.T) {
	v := visit(t)
	other := v.another()
	other.await(signedOut, inFrame(signedOut))

	v.signIn()
	for _, tab := range []*visitor{v, other} {
		tab.await(signedIn, inFrame(signedIn))
	}
	v.withoutTimer()
	other.withoutTimer()
	same := `document.querySelector("#expires-at").textContent === ` + inFrame(`document.querySelector("#expires-at").textContent`)
	until := v.text("#expires-at") // to the second, so let one pass
	countdown := v.text("#countdown")
	v.await(`document.querySelector("#countdown").textContent !== "` + countdown + `"`)
	other.click("#expired")
	v.await(silentlyDone, `document.querySelector("#expires-at").textContent !== "`+until+`"`, same)
	other.await(silentlyDone, same)

	other.turn("slow")
	v.await(`!document.querySelector("#can-slow").hidden`, `document.querySelector("input[value=slow]").checked`)
	v.turn("up")

	read[bool](v, inFrame(`!document.querySelector("#sign-out").click()`))
	for _, tab := range []*visitor{v, other} {
		tab.await(signedOut, inFrame(signedOut))
	}
}

// TestTabsRace lets the JWT run out under four clients of one session, which
// then all come at the same time.
func TestTabsRace(t *testing.T) {
	t.Parallel()
	v := visit(t)
	v.signIn()
	other := v.another()
	other.await(signedIn, inFrame(signedIn))
	for _, tab := range []*visitor{v, other} {
		tab.await(silentlyDone, signedIn, noNotice, inFrame(signedIn))
	}
	// Each refresh is one call, that of the sign-in too.
	v.await(`document.querySelector("#breakdown").textContent.includes("refresh " + document.querySelector("#total-refreshes").textContent + ",")`)
}
