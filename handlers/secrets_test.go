package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
)

// TestSecretsStayInside lets refreshes and logouts go wrong in many ways, and
// looks for the tokens in all that is told about it.
func TestSecretsStayInside(t *testing.T) { synctest.Test(t, testSecretsStayInside) }

func testSecretsStayInside(t *testing.T) {
	const canary = "CANARY"
	k := newKit(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{OmitRefreshSecret: true})
	echo := `{"message":"token ` + canary + `-upstream <script>"}`
	faults := map[string]crossminttest.Fault{
		"none": {}, "refused": crossminttest.Status(401, "", echo), "500": crossminttest.Status(500, "", echo), "HTML": crossminttest.Status(200, "text/html", echo),
		"403": crossminttest.Status(403, "", echo), "reset": crossminttest.Reset(), "redirect": crossminttest.Redirect("/" + canary + "-location"),
		"unfit": crossminttest.Edit(func(a map[string]any) { a["refresh"].(map[string]any)["secret"] = canary + "-unfit;" }),
		"other user": crossminttest.Edit(func(a map[string]any) {
			a["user"], a["refresh"].(map[string]any)["secret"] = map[string]any{"id": "x"}, canary+"-other"
		}),
	}
	bodies := []string{"", "{}", member(canary + "-body"), `{"refresh":"` + canary + `-bad\n"}`, `{"refresh":"` + canary + `-cut`, `{"` + canary + `":1,"refresh":["` + canary + `"]}`}
	told := ""
	for name, fault := range faults {
		for i, body := range bodies {
			for _, path := range []string{"/refresh", "/logout"} {
				k.fake.Heal()
				k.fake.FailAlways(crossminttest.Refresh, fault)
				k.fake.FailAlways(crossminttest.Logout, fault)
				r := post(path, body, canary+".jwt."+name, fmt.Sprint(canary, "-cookie-", name, i))
				res, answer := k.serve(t, r)
				told += answer + fmt.Sprint(withoutCookies(res.Header))
			}
		}
	}
	told += strings.Join(k.errors, "\n")
	if at := strings.Index(told, canary); at >= 0 {
		t.Errorf("a secret was told: %q", told[max(0, at-200):min(len(told), at+100)])
	}
	if strings.Contains(told, "<script>") {
		t.Error("upstream's text was told")
	}
	if len(k.errors) < len(faults)*len(bodies) {
		t.Errorf("only %d errors were told", len(k.errors))
	}
}

func withoutCookies(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Set-Cookie")
	return h
}

func TestWiring(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	panics := func(f func()) (panicked bool) {
		defer func() { panicked = recover() != nil }()
		f()
		return false
	}
	wire := map[string]func(*kit, handlers.Config){
		"Refresh": func(k *kit, c handlers.Config) { handlers.Refresh(k.sessions, k.cookies, c) },
		"Logout":  func(k *kit, c handlers.Config) { handlers.Logout(k.sessions, k.cookies, c) },
	}
	for name, f := range wire {
		if !panics(func() { f(&kit{cookies: k.cookies}, handlers.Config{}) }) || !panics(func() { f(&kit{sessions: k.sessions}, handlers.Config{}) }) {
			t.Errorf("%s takes nil", name)
		}
		for _, text := range []string{"//e", `/\e`, "///e", "https:e", "https://e/", "/%09/e", "javascript:alert(1)", "e", "", "/e#a"} {
			u, err := url.Parse(text)
			must(t, err)
			if !panics(func() { f(k, handlers.Config{AfterLogout: u}) }) {
				t.Errorf("%s takes %q", name, text)
			}
		}
		if panics(func() { f(k, handlers.Config{AfterLogout: &url.URL{Path: "/bye"}}) }) {
			t.Errorf("%s refuses /bye", name)
		}
	}
}
