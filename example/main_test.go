package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/internal/page"
	"github.com/crossmint-go/auth/session"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ada = "ada@example.com"

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}

// visitor is a browser's view of the site, over a real socket.
type visitor struct {
	*testing.T
	site    *site
	url     *url.URL
	browser *http.Client
}

// visit opens a site in demo mode.
func visit(t *testing.T) *visitor {
	t.Helper()
	s, err := newSite(options{addr: loopback})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return visitTo(t, s, s.handler)
}

func visitTo(t *testing.T, s *site, handler http.Handler) *visitor {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, s, u, &http.Client{Jar: jar, Transport: server.Client().Transport}}
}

// do sends a request and checks the status.
func (v *visitor) do(method, path, body string, want int, header ...string) (http.Header, map[string]string) {
	v.Helper()
	request, err := http.NewRequestWithContext(v.Context(), method, v.url.String()+path, strings.NewReader(body))
	if err != nil {
		v.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := v.browser.Do(request)
	if err != nil {
		v.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		v.Fatal(err)
	}
	if response.StatusCode != want {
		v.Fatalf("%s %s: status %d, want %d: %s", method, path, response.StatusCode, want, content)
	}
	members := map[string]string{} // strings; others stay empty
	_ = json.Unmarshal(content, &members)
	return response.Header, members
}

// signIn goes the way of the page, up to the cookies.
func (v *visitor) signIn() {
	v.Helper()
	_, sent := v.do("POST", "/api/signin/code", `{"email":"`+ada+`"}`, 200)
	_, mail := v.do("GET", "/api/inbox?email="+url.QueryEscape(ada), "", 200)
	_, confirmed := v.do("POST", "/api/signin/confirm", confirmation(sent["emailId"], mail["code"]), 200)
	v.do("POST", "/api/refresh", `{"refresh":"`+confirmed["oneTimeSecret"]+`"}`, 200)
}

func confirmation(emailID, code string) string {
	body, _ := json.Marshal(map[string]string{"email": ada, "emailId": emailID, "code": code})
	return string(body)
}

// expireJWT puts an expired JWT into the jar, beside the live refresh token.
func (v *visitor) expireJWT() {
	jwt := v.site.fake.ExpiredJWT(session.User{ID: v.site.fake.NewUser(ada).ID})
	v.browser.Jar.SetCookies(v.url, []*http.Cookie{{Name: "crossmint-session", Value: jwt, Path: "/"}})
}

func TestJourney(t *testing.T) {
	v := visit(t)
	v.do("GET", "/api/me", "", 401)
	v.signIn()
	_, me := v.do("GET", "/api/me", "", 200)
	if want := v.site.fake.NewUser(ada).ID; me["userId"] != want {
		t.Errorf("userId = %q, want %q", me["userId"], want)
	}
	expiresAt, err := time.Parse(time.RFC3339, me["expiresAt"])
	if err != nil || !expiresAt.After(time.Now()) {
		t.Errorf("expiresAt = %q, want a time to come (%v)", me["expiresAt"], err)
	}

	v.expireJWT()
	before := v.site.fake.Calls().Refresh
	header, again := v.do("GET", "/api/me", "", 200)
	if again["userId"] != me["userId"] || len(header["Set-Cookie"]) != 2 || v.site.fake.Calls().Refresh != before+1 {
		t.Errorf("silent refresh: user %q, cookies %d, calls %d", again["userId"], len(header["Set-Cookie"]), v.site.fake.Calls().Refresh-before)
	}

	v.do("POST", "/api/logout", "", 204)
	v.do("GET", "/api/me", "", 401)
	if n := v.site.fake.LiveOf(me["userId"]); n != 0 {
		t.Errorf("the user is still signed in at %d places upstream", n)
	}
}

func TestRefreshResponseHoldsNoSecret(t *testing.T) {
	v := visit(t)
	secret := v.site.fake.OneTimeSecret(v.site.fake.NewUser(ada))
	response, err := v.browser.Post(v.url.String()+"/api/refresh", "application/json", strings.NewReader(`{"refresh":"`+secret+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 || strings.Contains(string(content), "refreshToken") {
		t.Errorf("refresh: %d %s (%v)", response.StatusCode, content, err)
	}
}

func TestSignInErrors(t *testing.T) {
	v := visit(t)
	_, sent := v.do("POST", "/api/signin/code", `{"email":"`+ada+`"}`, 200)
	right := v.site.fake.Code(ada)
	wrong := "000000"
	if right == wrong {
		wrong = "000001"
	}
	for name, c := range map[string]struct {
		path, body string
		status     int
		message    string
	}{
		"no JSON":            {"code", `email`, 400, "The body must be a JSON object"},
		"no body":            {"code", ``, 400, "The body must be a JSON object"},
		"a body of 5 KiB":    {"code", `{"email":"` + strings.Repeat("a", 5<<10) + `"}`, 413, "The body is too long"},
		"no address":         {"code", `{}`, 400, "This is not an email address"},
		"a name and address": {"code", `{"email":"Ada <ada@example.com>"}`, 400, "This is not an email address"},
		"a wrong code":       {"confirm", confirmation(sent["emailId"], wrong), 400, "This code is wrong"},
		"letters":            {"confirm", confirmation(sent["emailId"], "12345a"), 400, "This code is wrong"},
		"no e-mail ID":       {"confirm", confirmation("", right), 400, "This code is wrong"},
		"another e-mail ID":  {"confirm", confirmation("another", right), 400, "This code is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &visitor{t, v.site, v.url, v.browser}
			_, members := v.do("POST", "/api/signin/"+c.path, c.body, c.status)
			if members["message"] != c.message || members["error"] != http.StatusText(c.status) {
				t.Errorf("body %q, want the message %q", members, c.message)
			}
		})
	}
	v.do("POST", "/api/signin/confirm", confirmation(sent["emailId"], right), 200)
}

func TestUpstreamDown(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.site.fake.FailAlways(crossminttest.Any, crossminttest.Status(500, "", `{}`).With("Retry-After", "7"))
	header, members := v.do("POST", "/api/signin/code", `{"email":"`+ada+`"}`, 503)
	if header.Get("Retry-After") != "7" || members["error"] != "Service Unavailable" {
		t.Errorf("Retry-After %q, body %q", header.Get("Retry-After"), members)
	}
	v.do("POST", "/api/signin/confirm", confirmation("some", "123456"), 503)

	// Without Retry-After, which would be heeded for this token.
	v.site.fake.FailAlways(crossminttest.Any, crossminttest.Status(500, "", `{}`))
	v.expireJWT()
	if header, _ := v.do("GET", "/api/me", "", 503); len(header["Set-Cookie"]) != 0 {
		t.Error("an outage changed the cookies")
	}
	v.site.fake.Heal()
	v.do("GET", "/api/me", "", 200)
}

func TestPage(t *testing.T) {
	v := visit(t)
	const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'self'"
	for path, contentType := range map[string]string{
		"/":                 "text/html; charset=utf-8",
		"/assets/style.css": "text/css; charset=utf-8",
		"/tab":              "text/html; charset=utf-8",
		"/assets/app.js":    "text/javascript; charset=utf-8",
		"/assets/icon.svg":  "image/svg+xml",
	} {
		header, _ := v.do("GET", path, "", 200)
		got := [3]string{header.Get("Content-Type"), header.Get("Content-Security-Policy"), header.Get("X-Content-Type-Options")}
		if want := [3]string{contentType, policy, "nosniff"}; got != want {
			t.Errorf("%s: header\n%q, want\n%q", path, got, want)
		}
	}
	for _, path := range []string{"/index.html", "/assets/", "/assets/page.go", "/elsewhere"} {
		v.do("GET", path, "", 404)
	}
}

func TestCrossOriginIsRefused(t *testing.T) {
	v := visit(t)
	v.do("POST", "/api/signin/code", `{"email":"`+ada+`"}`, 403, "Origin", "https://evil.example")
	v.do("POST", "/api/logout", "", 403, "Sec-Fetch-Site", "cross-site")
	if n := v.site.fake.Calls().SendOTP; n != 0 {
		t.Errorf("%d codes were sent", n)
	}
}

func TestWithoutTheFake(t *testing.T) {
	behind := visit(t).site // stands for the real Crossmint
	v := visitTo(t, nil, routes(behind.client, behind.sessions, newCodec(t, behind.client), nil, page.NewJournal()))
	v.do("GET", "/api/inbox?email="+url.QueryEscape(ada), "", 404)
	response, err := v.browser.Get(v.url.String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || strings.Contains(string(content), "Demo mode") || !strings.Contains(string(content), string(crossmint.Staging)) {
		t.Errorf("the page claims to be a demo (%v):\n%s", err, content)
	}
}

func TestSecureElsewhere(t *testing.T) {
	for _, c := range []struct {
		ip     net.IP
		secure bool
	}{{net.IPv4(127, 0, 0, 1), false}, {net.IPv6loopback, false}, {net.IPv4zero, true}, {nil, true}, {net.IPv4(192, 0, 2, 1), true}} {
		s, err := newSite(options{addr: &net.TCPAddr{IP: c.ip}})
		if err != nil {
			t.Fatal(err)
		}
		v := visitTo(t, s, s.handler)
		header, _ := v.do("POST", "/api/refresh", `{"refresh":"`+s.fake.OneTimeSecret(s.fake.NewUser(ada))+`"}`, 200)
		for _, set := range header["Set-Cookie"] {
			if strings.Contains(set, "; Secure") != c.secure {
				t.Errorf("on %v, want Secure: %v: %s", c.ip, c.secure, set[len(set)-60:])
			}
		}
		if err := s.close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
