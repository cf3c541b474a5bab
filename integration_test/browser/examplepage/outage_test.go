package examplepage_test

import (
	"strconv"
	"testing"
)

// served counts the requests of this tab on the time line that were answered.
const served = `document.querySelectorAll("#line .request.ok").length`

func TestUpstreamDown(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.withoutTimer()
	v.click("#expired") // for another 20 s
	v.await(`document.querySelector("#expired-result").textContent.startsWith("200")`)
	v.turn("down")
	v.await(`document.querySelector("#line .band.down")`)

	t.Log("a valid JWT: nobody notices")
	before := read[int](v, served)
	v.click("#call-me")
	v.await(served+` > `+strconv.Itoa(before), signedIn, noNotice)

	t.Log("an expired one: try later, and stay signed in")
	v.click("#expired")
	v.await(`document.querySelector("#expired-result").textContent === "503: try later"`, tryingLater, signedIn)
	v.await(`document.querySelector("#line [data-name=undecided]")`, `document.querySelector("#line .call.later")`)

	t.Log("and go on when it is back")
	v.turn("up")
	v.click("#burst")
	v.await(`document.querySelector("#burst-result").textContent.startsWith("50 requests, 1 upstream call")`)
	v.await(noNotice, signedIn, `!document.querySelector("#countdown").classList.contains("over")`)
}

func TestUpstreamSlow(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.withoutTimer()
	v.turn("slow")
	v.click("#burst")
	// While the refresh is under way it is on the time line, and so are those
	// who wait.
	v.await(`document.querySelector("#line .band.slow")`, `document.querySelector("#line .request line")`)
	v.await(`document.querySelector("#burst-result").textContent === "50 requests, 1 upstream call: 50\u00a0×\u00a0200"`)
	v.await(signedIn, noNotice)
}

func TestSignOutWhileDown(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.turn("down")
	v.click("#sign-out")
	v.await(signedOut, `document.querySelector("#line [data-name=logout_failed]")`)
	v.click("#email-form button")
	v.await(`document.querySelector("#signin-error").textContent === "Please try again later."`)
	v.turn("up")
	v.signIn()
}
