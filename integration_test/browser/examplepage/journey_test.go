package examplepage_test

import (
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
)

// TestJourney is a visitor's who only watches: sign-in, a JWT that runs out and
// is renewed without anybody doing anything, sign-out.
func TestJourney(t *testing.T) {
	t.Parallel()
	v := visit(t)
	v.await(signedOut)
	v.signIn()
	first := v.text("#countdown")
	v.await(`document.querySelector("#countdown").textContent !== "`+first+`"`, `document.querySelector("#line .life")`)
	until := v.text("#expires-at")
	v.await(`document.querySelector("#countdown").classList.contains("over")`, silentlyDone)
	v.await(signedIn, noNotice, `document.querySelector("#expires-at").textContent !== "`+until+`"`)
	v.await(`document.querySelectorAll("#line .life").length >= 2`, `document.querySelector("#total-refreshes").textContent >= 2`)

	v.click("#sign-out")
	v.await(signedOut, `document.querySelector("#line [data-name=logged_out]")`, `document.activeElement.id === "email"`)
	v.click("#expired")
	v.await(`document.querySelector("#expired-result").textContent.startsWith("401")`)
}

// TestTimeLineMoves looks where the first thing on it stands.
func TestTimeLineMoves(t *testing.T) {
	const where = `document.querySelector("#line [data-kind=request] circle").getBoundingClientRect().x`
	v := visit(t)
	v.await(`document.querySelector("#line [data-kind=request]")`)
	v.await(where + ` < ` + read[string](v, `String(`+where+`)`))
}

// TestReducedMotion counts the frames of the animation: none are asked for, and
// the time line moves all the same.
func TestReducedMotion(t *testing.T) {
	const count = `(() => {
		const usual = requestAnimationFrame;
		window.drawn = 0;
		window.requestAnimationFrame = (f) => { window.drawn++; return usual(f); };
		window.before = document.querySelector("#line g[transform]").getAttribute("transform");
		return true;
	})()`
	const moved = `document.querySelector("#line g[transform]").getAttribute("transform") !== window.before`
	for preference, animated := range map[string]bool{"reduce": false, "no-preference": true} {
		t.Run(preference, func(t *testing.T) {
			v := visit(t)
			v.do(examplepage.Prefer("prefers-reduced-motion", preference))
			v.signIn() // loads the page again
			read[bool](v, count)
			v.await(moved)
			if animated {
				v.await(`window.drawn > 0`)
			}
			if drawn := read[int](v, `window.drawn`); drawn > 0 != animated {
				t.Errorf("%d frames, want some: %v", drawn, animated)
			}
		})
	}
}

func TestFiftyAtOnce(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.withoutTimer()
	before := v.text("#total-requests")
	for range 2 {
		v.click("#burst")
		v.await(`document.querySelector("#burst-result").textContent === "50 requests, 1 upstream call: 50\u00a0×\u00a0200"`)
	}
	v.await(signedIn, noNotice, `document.querySelector("#total-requests").textContent - `+before+` >= 100`)
	v.await(`document.querySelectorAll("#line [data-name=refreshed][data-op=authenticate]").length >= 2`)
}
