package httpclients_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// signInByForms signs in by the two forms, opens the page, opens it again with an expired
// JWT, and logs out.
func signInByForms(t *testing.T, c running, o options) string {
	t.Helper()
	s := newSite(t, o)
	sender := c.newSender(t, false)
	post := func(path, field, value string) response {
		return sender.send(t, request{Method: "POST", URL: s.url + path}.withForm(field, value))
	}
	get := func(path string) response {
		return sender.send(t, request{Method: "GET", URL: s.url + path})
	}
	post("/send", "email", email)
	if post("/confirm", "code", s.Fake.Code(email)).Body != s.user.ID {
		return "not signed in"
	}
	page := response{Status: http.StatusOK, Body: s.user.ID}
	expect(t, "the page", page, get("/"))
	get("/expire")
	expect(t, "the page with an expired JWT", page, get("/"))
	expect(t, "refreshes: sign-in and expired JWT", 2, s.Fake.Calls().Refresh)
	expect(t, "status of the logout", http.StatusNoContent, post("/logout", "action", "sign-out").Status)
	expect(t, "status of the page after the logout", http.StatusUnauthorized, get("/").Status)
	expect(t, "live tokens after the logout", 0, s.Fake.LiveOf(s.user.ID))
	return "works"
}

// signInByTokens signs in with a one-time secret, opens the page with the JWT, refreshes
// after a 401, and logs out, as docs/deployments.md says for native clients. The client
// needs no cookies, so the site may use plain http.
func signInByTokens(t *testing.T, c running) string {
	t.Helper()
	s := newSite(t, options{plainHTTP: true})
	sender := c.newSender(t, false)
	get := func(jwt string) response {
		bearer := map[string]string{"Authorization": "Bearer " + jwt}
		return sender.send(t, request{Method: "GET", URL: s.url + "/", Headers: bearer})
	}
	post := func(path, refreshToken string) response {
		body, err := json.Marshal(map[string]string{"refresh": refreshToken})
		if err != nil {
			t.Fatal(err)
		}
		return sender.send(t, request{Method: "POST", URL: s.url + path}.withJSON(string(body)))
	}
	page := response{Status: http.StatusOK, Body: s.user.ID}
	first := readTokens(t, post("/refresh", s.Fake.OneTimeSecret(s.user)))
	expect(t, "the page", page, get(first.JWT))
	expect(t, "status with an expired JWT", http.StatusUnauthorized, get(s.Fake.ExpiredJWT(s.user)).Status)
	second := readTokens(t, post("/refresh", first.RefreshToken.Secret))
	expect(t, "the page with the next JWT", page, get(second.JWT))
	expect(t, "status of the logout", http.StatusNoContent, post("/logout", second.RefreshToken.Secret).Status)
	expect(t, "status of the page after the logout", http.StatusUnauthorized, get(second.JWT).Status)
	expect(t, "live tokens after the logout", 0, s.Fake.LiveOf(s.user.ID))
	return "works"
}

// tokens are the members of the response of /refresh that a native client stores.
type tokens struct {
	JWT          string
	RefreshToken struct{ Secret string }
}

func readTokens(t *testing.T, r response) (got tokens) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Body), &got); err != nil || r.Status != http.StatusOK {
		t.Fatalf("the response of /refresh: %d %v", r.Status, err)
	}
	return got
}

// expect compares a step of a journey.
func expect[T any](t *testing.T, step string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", step, diff)
	}
}
