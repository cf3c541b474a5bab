package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
)

// TestSecretsDoNotLeak lets refreshes and logouts fail in many ways. It searches all
// responses and errors for the tokens.
func TestSecretsDoNotLeak(t *testing.T) { synctest.Test(t, testSecretsDoNotLeak) }

func testSecretsDoNotLeak(t *testing.T) {
	const canary = "CANARY"
	env := newTestEnv(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{OmitRefreshSecret: true})
	echo := `{"message":"token ` + canary + `-upstream <script>"}`
	faults := map[string]crossminttest.Fault{
		"none": {}, "rejected": crossminttest.Status(401, "", echo), "500": crossminttest.Status(500, "", echo), "HTML": crossminttest.Status(200, "text/html", echo),
		"403": crossminttest.Status(403, "", echo), "reset": crossminttest.Reset(), "redirect": crossminttest.Redirect("/" + canary + "-location"),
		"invalid cookie value": crossminttest.Edit(func(a map[string]any) { a["refresh"] = map[string]any{"secret": canary + "-invalid;"} }),
		"other user": crossminttest.Edit(func(a map[string]any) {
			a["user"], a["refresh"] = map[string]any{"id": "x"}, map[string]any{"secret": canary + "-other"}
		}),
	}
	bodies := []string{"", "{}", refreshBody(canary + "-body"), `{"refresh":"` + canary + `-bad\n"}`, `{"refresh":"` + canary + `-cut`, `{"` + canary + `":1,"refresh":["` + canary + `"]}`}
	visible := ""
	for name, fault := range faults {
		for i, body := range bodies {
			for _, path := range []string{"/refresh", "/logout"} {
				env.Fake.Heal()
				env.Fake.FailAlways(crossminttest.Refresh, fault)
				env.Fake.FailAlways(crossminttest.Logout, fault)
				r := post(path, body, canary+".jwt."+name, fmt.Sprint(canary, "-cookie-", name, i))
				res, responseBody := env.serve(t, r)
				visible += responseBody + fmt.Sprint(withoutCookies(res.Header))
			}
		}
	}
	visible += strings.Join(env.errors, "\n")
	if at := strings.Index(visible, canary); at >= 0 {
		t.Errorf("a secret leaked: %q", visible[max(0, at-200):min(len(visible), at+100)])
	}
	if strings.Contains(visible, "<script>") {
		t.Error("upstream's message leaked")
	}
	if len(env.errors) < len(faults)*len(bodies) {
		t.Errorf("only %d errors were reported", len(env.errors))
	}
}

func withoutCookies(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Set-Cookie")
	return h
}
