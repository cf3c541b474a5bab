package examplepage_test

import (
	"strconv"
	"testing"
)

// succeeded counts the successful requests on the time line.
const succeeded = `document.querySelectorAll("#line .request.succeeded").length`

func TestUpstreamDown(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.withoutTimer()
	v.click("#expired") // the new token is valid for 20 s
	v.await(`document.querySelector("#expired-result").textContent.startsWith("200")`)
	v.setMode("down")
	v.await(`document.querySelector("#line .band.down")`)

	t.Log("with a valid token, requests succeed")
	before := read[int](v, succeeded)
	v.click("#call-me")
	v.await(succeeded+` > `+strconv.Itoa(before), signedIn, noNotice)

	t.Log("with an expired token, requests fail and the user stays signed in")
	v.click("#expired")
	v.await(`document.querySelector("#expired-result").textContent === "503: try again later"`, unavailable, signedIn)
	v.await(`document.querySelector("#line [data-name=unavailable]")`, `document.querySelector("#line .call.failed")`)

	t.Log("when Crossmint works again, requests succeed")
	v.setMode("up")
	v.click("#burst")
	v.await(`document.querySelector("#burst-result").textContent.startsWith("50 succeeded, 1 call to Crossmint")`)
	v.await(noNotice, signedIn, `!document.querySelector("#countdown").classList.contains("expired")`)
}

func TestUpstreamSlow(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.withoutTimer()
	v.setMode("slow")
	v.click("#burst")
	// The time line shows the requests that wait for the refresh.
	v.await(`document.querySelector("#line .band.slow")`, `document.querySelector("#line .request line")`)
	v.await(`document.querySelector("#burst-result").textContent === "50 succeeded, 1 call to Crossmint"`)
	v.await(signedIn, noNotice)
}

func TestSignOutWhileDown(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.setMode("down")
	v.click("#sign-out")
	v.await(signedOut, `document.querySelector("#line [data-name=logout_failed]")`)
	v.click("#email-form button")
	v.await(`document.querySelector("#signin-error").textContent === "Please try again later."`)
	v.setMode("up")
	v.signIn()
}
