package examplepage_test

import (
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
)

// TestJourney signs in, waits for the automatic refresh of the expired token,
// and signs out.
func TestJourney(t *testing.T) {
	t.Parallel()
	v := visit(t)
	v.await(signedOut)
	v.signIn()
	first := v.text("#countdown")
	v.await(`document.querySelector("#countdown").textContent !== "`+first+`"`, `document.querySelector("#line .lifetime")`)
	until := v.text("#expires-at")
	v.await(`document.querySelector("#countdown").classList.contains("expired")`, refreshed)
	v.await(signedIn, noNotice, `document.querySelector("#expires-at").textContent !== "`+until+`"`)
	v.await(`document.querySelectorAll("#line .lifetime").length >= 2`, `document.querySelector("#total-refreshes").textContent >= 2`)

	v.click("#sign-out")
	v.await(signedOut, `document.querySelector("#line [data-name=logged_out]")`, `document.activeElement.id === "email"`)
	v.click("#expired")
	v.await(`document.querySelector("#expired-result").textContent.startsWith("401")`)
}

// TestTimeLineMoves checks that the first mark moves to the left.
func TestTimeLineMoves(t *testing.T) {
	const where = `document.querySelector("#line [data-kind=request] circle").getBoundingClientRect().x`
	v := visit(t)
	v.await(`document.querySelector("#line [data-kind=request]")`)
	v.await(where + ` < ` + read[string](v, `String(`+where+`)`))
}

// TestReducedMotion checks that the time line moves with animation frames only
// if the user accepts motion.
func TestReducedMotion(t *testing.T) {
	const count = `(() => {
		const original = requestAnimationFrame;
		window.drawnFrames = 0;
		window.requestAnimationFrame = (f) => { window.drawnFrames++; return original(f); };
		window.before = document.querySelector("#line g[transform]").getAttribute("transform");
		return true;
	})()`
	const moved = `document.querySelector("#line g[transform]").getAttribute("transform") !== window.before`
	for preference, animated := range map[string]bool{"reduce": false, "no-preference": true} {
		t.Run(preference, func(t *testing.T) {
			v := visit(t)
			v.do(examplepage.Prefer("prefers-reduced-motion", preference))
			v.signIn() // reloads the page
			read[bool](v, count)
			v.await(moved)
			if animated {
				v.await(`window.drawnFrames > 0`)
			}
			if frames := read[int](v, `window.drawnFrames`); frames > 0 != animated {
				t.Errorf("%d animation frames, want any: %v", frames, animated)
			}
		})
	}
}

func TestBurst(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.withoutTimer()
	before := v.text("#total-requests")
	for range 2 {
		v.click("#burst")
		v.await(`document.querySelector("#burst-result").textContent === "50 succeeded, 1 call to Crossmint"`)
	}
	v.await(signedIn, noNotice, `document.querySelector("#total-requests").textContent - `+before+` >= 100`)
	v.await(`document.querySelectorAll("#line [data-name=refreshed][data-op=authenticate]").length >= 2`)
}
