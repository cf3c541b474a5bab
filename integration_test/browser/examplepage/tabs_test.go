package examplepage_test

import "testing"

// inFrame is a condition in the document of the tab on the page.
func inFrame(condition string) string {
	return `((document) => ` + condition + `)(document.querySelector("#frame").contentDocument)`
}

// TestSecondTab checks that a real second tab and the frame show the changes of
// the first tab.
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
	until := v.text("#expires-at") // in whole seconds, so wait for the next one
	countdown := v.text("#countdown")
	v.await(`document.querySelector("#countdown").textContent !== "` + countdown + `"`)
	other.click("#expired")
	v.await(refreshed, `document.querySelector("#expires-at").textContent !== "`+until+`"`, same)
	other.await(refreshed, same)

	other.setMode("slow")
	v.await(`!document.querySelector("#can-slow").hidden`, `document.querySelector("input[value=slow]").checked`)
	v.setMode("up")

	read[bool](v, inFrame(`!document.querySelector("#sign-out").click()`))
	for _, tab := range []*visitor{v, other} {
		tab.await(signedOut, inFrame(signedOut))
	}
}

// TestTabsRace lets the token expire in four pages of one session, which then
// send their requests at the same time.
func TestTabsRace(t *testing.T) {
	t.Parallel()
	v := visit(t)
	v.signIn()
	other := v.another()
	other.await(signedIn, inFrame(signedIn))
	for _, tab := range []*visitor{v, other} {
		tab.await(refreshed, signedIn, noNotice, inFrame(signedIn))
	}
	// Each refresh is one call, including the refresh of the sign-in.
	v.await(`document.querySelector("#breakdown").textContent.includes("token refresh " + document.querySelector("#total-refreshes").textContent + ",")`)
}

// expiry is an expression for the expiry time and the state of the countdown.
const expiry = `document.querySelector("#expires-at").dateTime + document.querySelector("#countdown").className`

// TestCountdownsAgree changes the token in a second tab, and checks that the
// first tab and its frame show the same expiry, also while Crossmint is down.
func TestCountdownsAgree(t *testing.T) {
	v := visit(t)
	other := v.another()
	v.signIn()
	other.await(signedIn, inFrame(signedIn))
	v.withoutTimer()
	other.withoutTimer()
	agree := func() {
		t.Helper()
		want := read[string](other, expiry)
		for _, tab := range []*visitor{v, other} {
			tab.await(expiry+` === "`+want+`"`, inFrame(expiry)+` === "`+want+`"`)
		}
	}
	agree()

	other.setMode("down")
	other.click("#expired")
	other.await(`document.querySelector("#expired-result").textContent.startsWith("503")`, `document.querySelector("#countdown").className === "expired"`)
	agree()

	other.setMode("up")
	other.click("#call-me")
	other.await(`document.querySelector("#countdown").className === ""`)
	agree()
}

// countFrames compares the countdowns of the page and its frame in each
// animation frame, until the countdown has changed five times.
const countFrames = `(() => {
	window.frameCount = { total: 0, different: 0, changes: 0 };
	let last = "";
	const compare = () => {
		const own = document.querySelector("#countdown").textContent;
		window.frameCount.total++;
		if (own !== last) window.frameCount.changes++;
		if (own !== document.querySelector("#frame").contentDocument.querySelector("#countdown").textContent) window.frameCount.different++;
		last = own;
		if (window.frameCount.changes <= 5) requestAnimationFrame(compare);
	};
	compare();
	return true;
})()`

// TestCountdownsChangeTogether allows one animation frame per change, for the
// time between the timers of the two pages.
func TestCountdownsChangeTogether(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.await(inFrame(signedIn))
	v.click("#burst") // the new token is valid for 20 s
	v.await(`document.querySelector("#burst-result").textContent.startsWith("50 succeeded")`)
	v.await(inFrame(`document.querySelector("#countdown").textContent`) + ` === document.querySelector("#countdown").textContent`)
	read[bool](v, countFrames)
	v.await(`window.frameCount.changes > 5`)
	got := read[struct{ Total, Different, Changes int }](v, `window.frameCount`)
	if got.Different > got.Changes {
		t.Errorf("%d of %d frames show different seconds, want at most one per change (%d)", got.Different, got.Total, got.Changes)
	}
}
