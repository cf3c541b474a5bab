package examplepage_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/google/go-cmp/cmp"
)

// TestRefusal uses a refresh token that Crossmint rejects. The first time the browser
// is asked to try again, and the page shows each step.
func TestRefusal(t *testing.T) {
	v := visit(t)
	v.await(signedOut)
	read[bool](v, `!(document.cookie = "crossmint-refresh-token=rejected; path=/") || true`)
	v.click("#expired")
	v.await(`document.querySelector("#expired-result").textContent === "401: not signed in"`, signedOut)
	v.await(`document.querySelector("#line .request.redirected")`, `document.querySelector("#line .request.unauthorized")`)
	v.await(`document.querySelector("#line [data-name=asked_again].failed")`, `document.querySelector("#line [data-name=rejected].failed")`)
	v.await(`document.querySelector("#story").textContent.endsWith("The user has to sign in. The cookies stay for now.")`)
	v.await(`document.cookie.includes("crossmint-refresh-token=rejected")`)
	v.await(`document.querySelector(".legend .key.redirected")`)
}

// TestSecondRefusal uses a token that Crossmint has rejected two hours ago.
func TestSecondRefusal(t *testing.T) {
	v := visit(t)
	v.await(signedOut)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	v.must(err)
	testkit.AddMarker(r, "rejected", time.Now().Add(-2*time.Hour))
	for _, cookie := range []string{"crossmint-refresh-token=rejected", r.Header.Get("Cookie")} {
		read[bool](v, `!(document.cookie = "`+cookie+`; path=/") || true`)
	}
	v.click("#expired")
	v.await(`document.querySelector("#expired-result").textContent === "401: not signed in"`, signedOut)
	v.await(`document.querySelector("#line [data-name=signed_out].failed")`)
	v.await(`document.querySelector("#story").textContent.endsWith("again, an hour later or more. The cookies are deleted.")`)
	if diff := cmp.Diff("", read[string](v, `document.cookie`)); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
	if n := read[int](v, `document.querySelectorAll("#line .request.redirected").length`); n != 0 {
		t.Errorf("%d redirects", n)
	}
}
