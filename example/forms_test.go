package main

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/internal/page"
)

// browse sends GET without fields, POST with them, and follows redirects as
// a browser without scripts does. It returns where that ended, and the page.
func (v *visitor) browse(path string, namesAndValues ...string) (*url.URL, string) {
	v.Helper()
	method, form := http.MethodGet, url.Values{}
	for i := 0; i < len(namesAndValues); i += 2 {
		method = http.MethodPost
		form.Set(namesAndValues[i], namesAndValues[i+1])
	}
	request, err := http.NewRequestWithContext(v.Context(), method, v.url.String()+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", v.url.String())
	}
	response, err := v.browser.Do(request)
	if err != nil {
		v.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		v.Fatalf("%s %s: status %d (%v)", method, path, response.StatusCode, err)
	}
	v.checkPage(response, string(body))
	return response.Request.URL, string(body)
}

// checkPage checks what holds for every page of this sign-in.
func (v *visitor) checkPage(response *http.Response, body string) {
	v.Helper()
	const policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	h := response.Header
	got := [5]string{h.Get("Content-Type"), h.Get("Content-Security-Policy"), h.Get("Cache-Control"), h.Get("X-Content-Type-Options"), h.Get("Referrer-Policy")}
	if want := [5]string{"text/html; charset=utf-8", policy, "no-store", "nosniff", "same-origin"}; got != want {
		v.Errorf("%s: header\n%q, want\n%q", response.Request.URL, got, want)
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "://") {
		v.Errorf("%s: the page has a script, or asks another host:\n%s", response.Request.URL, body)
	}
}

// fields returns the hidden fields of the page's form, as names and values.
func fields(page string) []string {
	var found []string
	for _, match := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(page, -1) {
		found = append(found, match[1], match[2])
	}
	return found
}

// inboxCode returns the code that the page shows as the fake's inbox.
func inboxCode(page string) string {
	match := regexp.MustCompile(`<strong id="inbox-code">(\d{6})</strong>`).FindStringSubmatch(page)
	if match == nil {
		return ""
	}
	return match[1]
}

func TestSignInWithoutScripts(t *testing.T) {
	v := visit(t)
	_, page := v.browse("/signin?return_to=/signin%3Fhere")
	at, page := v.browse("/signin/send", append(fields(page), "email", ada)...)
	if at.Path != "/signin/code" || !strings.Contains(page, "<strong>"+ada+"</strong>") || inboxCode(page) != v.site.fake.Code(ada) {
		t.Fatalf("after the address at %s:\n%s", at, page)
	}
	at, page = v.browse("/signin/confirm", append(fields(page), "code", "12345x")...)
	if at.Path != "/signin/code" || !strings.Contains(page, "This code is wrong") {
		t.Fatalf("after a wrong code at %s:\n%s", at, page)
	}
	at, page = v.browse("/signin/confirm", append(fields(page), "code", inboxCode(page))...)
	id := v.site.fake.NewUser(ada).ID
	if at.RequestURI() != "/signin?here" || !strings.Contains(page, id) {
		t.Fatalf("after the code at %s:\n%s", at, page)
	}
	if _, me := v.do("GET", "/api/me", "", 200); me["userId"] != id {
		t.Errorf("the API sees %q", me["userId"])
	}
	if at, page = v.browse("/signin/logout", "", ""); at.Path != "/signin" || strings.Contains(page, id) || v.site.fake.LiveOf(id) != 0 {
		t.Errorf("after the logout at %s:\n%s", at, page)
	}
}

// TestSignInWithProvider submits the forms of the page as its script does.
func TestSignInWithProvider(t *testing.T) {
	v := visit(t)
	v.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	submit := func(path string, fields url.Values) *url.URL {
		h, _ := v.do("POST", path, fields.Encode(), http.StatusSeeOther, "Content-Type", "application/x-www-form-urlencoded", "Origin", v.url.String())
		target, err := url.Parse(h.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return target
	}
	callback := submit("/signin/oauth/start", url.Values{"provider": {"google"}})
	if got, want := callback.Scheme+"://"+callback.Host, v.site.fake.URL(); got != want {
		t.Errorf("the provider's page is at %s, want %s", got, want)
	}
	secret := callback.Query().Get("oneTimeSecret")
	if got := submit("/signin/oauth/finish", url.Values{"secret": {secret}, "return_to": {"/signin?here"}}); got.String() != "/signin?here" {
		t.Errorf("after the secret at %s", got)
	}
	if _, me := v.do("GET", "/api/me", "", 200); me["userId"] == "" {
		t.Error("the API sees no user")
	}
}

// TestSignInPageSaysWhatIsWrong sends each problem of handlers.SignIn, and what
// is none.
func TestSignInPageSaysWhatIsWrong(t *testing.T) {
	v := visit(t)
	seen := map[string]bool{}
	for _, problem := range []string{"email", "code", "oauth", "expired", "limit", "rejected", "unavailable"} {
		for _, path := range []string{"/signin", "/signin/code"} {
			_, page := v.browse(path + "?error=" + problem)
			_, rest, found := strings.Cut(page, `role="alert" id="error">`)
			text, _, _ := strings.Cut(rest, "<")
			if !found || len(text) < 10 {
				t.Errorf("%s?error=%s says %q", path, problem, text)
			}
			seen[text] = true
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d texts for seven problems", len(seen))
	}
	for _, query := range []string{"", "?error=", "?error=<b>", "?return_to=%22%3E%3Cscript%3E", "?error=%22%3E%3Cscript%3E"} {
		if _, page := v.browse("/signin" + query); strings.Contains(page, `id="error"`) {
			t.Errorf("/signin%s says that something is wrong", query)
		}
	}
}

// TestFormsOfOtherSites: forms of other sites reach neither handler.
func TestFormsOfOtherSites(t *testing.T) {
	v := visit(t)
	for _, path := range []string{"/signin/send", "/signin/confirm", "/signin/logout", "/signin/oauth/start", "/signin/oauth/finish"} {
		v.do("POST", path, "email="+url.QueryEscape(ada), 403, "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example")
		v.do("GET", path, "", 405)
	}
	if n := v.site.fake.Calls().SendOTP; n != 0 {
		t.Errorf("%d codes were sent", n)
	}
}

// TestInboxIsTheFakes: with the real Crossmint behind it, no page shows a code.
func TestInboxIsTheFakes(t *testing.T) {
	behind := visit(t).site
	v := visitTo(t, nil, routes(behind.client, behind.sessions, newCodec(t, behind.client), nil, page.NewJournal()))
	_, page := v.browse("/signin/send", "email", ada)
	if code := behind.fake.Code(ada); code == "" || strings.Contains(page, code) || strings.Contains(page, "Demo") || !strings.Contains(page, ada) {
		t.Errorf("code %q in the page:\n%s", code, page)
	}
}

func TestSignInWhileUpstreamIsDown(t *testing.T) {
	v := visit(t)
	v.site.fake.FailAlways(crossminttest.Any, crossminttest.Status(500, "", `{}`))
	at, page := v.browse("/signin/send", "email", ada)
	if at.Path != "/signin" || !strings.Contains(page, "Signing in is not possible now") {
		t.Errorf("at %s:\n%s", at, page)
	}
}
