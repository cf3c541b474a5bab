package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// history returns the public history of the site.
func (v *visitor) history() string {
	v.Helper()
	response, err := v.browser.Get(v.url.String() + "/api/history")
	if err != nil {
		v.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		v.Fatalf("history: %d (%v)", response.StatusCode, err)
	}
	return string(body)
}

func TestHistoryNamesNobody(t *testing.T) {
	v := visit(t)
	v.signIn()
	_, me := v.do("GET", "/api/me", "", 200, "X-Tab", "abc")
	v.do("POST", "/api/demo/expire", "", 200)
	v.do("GET", "/api/me", "", 200)
	history := v.history()
	for _, want := range []string{`"/api/me"`, `"refreshed"`, `"authenticate"`, `"keys":1`, `"refresh":2`, `"sign-in":2`} {
		if !strings.Contains(history, want) {
			t.Errorf("no %s in %s", want, history)
		}
	}
	private := []string{ada, me["userId"]}
	for _, c := range v.browser.Jar.Cookies(v.url) {
		private = append(private, c.Value)
	}
	for _, text := range private {
		if strings.Contains(history, text) {
			t.Errorf("it tells %.20q", text)
		}
	}
}

func TestOnlyTheSiteBreaksTheFake(t *testing.T) {
	v := visit(t)
	v.do("POST", "/api/demo/expire", "", 401)
	v.signIn()
	for _, path := range []string{"/api/demo/upstream?mode=down", "/api/demo/expire"} {
		v.do("POST", path, "", 403, "Sec-Fetch-Site", "cross-site")
	}
	v.do("GET", "/api/me", "", 200)
	if history := v.history(); !strings.Contains(history, `"mode":"up"`) {
		t.Errorf("history = %s", history)
	}
}
