package middleware_test

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func signIn(t *testing.T, text string) middleware.Config {
	t.Helper()
	u, err := url.Parse(text)
	must(t, err)
	return middleware.Config{SignIn: u}
}

func TestSignInRedirectsNavigations(t *testing.T) {
	header := func(namesAndValues ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(namesAndValues); i += 2 {
			h.Set(namesAndValues[i], namesAndValues[i+1])
		}
		return h
	}
	tests := []struct {
		name   string
		method string
		header http.Header
		want   int
	}{
		{name: "navigation", method: "GET", header: header("Sec-Fetch-Mode", "navigate"), want: 303},
		{name: "download", method: "GET", header: header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty"), want: 401},
		{name: "navigation by a service worker", method: "GET", header: header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Upgrade-Insecure-Requests", "1"), want: 303},
		{name: "frame", method: "GET", header: header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"), want: 303},
		{name: "page fetched in advance", method: "GET", header: header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch"), want: 401},
		{name: "page rendered in advance", method: "GET", header: header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch;prerender"), want: 401},
		{name: "frame of a page rendered in advance", method: "GET", header: header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Sec-Purpose", "prefetch;prerender"), want: 303},
		{name: "HEAD of a navigation", method: "HEAD", header: header("Sec-Fetch-Mode", "navigate"), want: 303},
		{name: "fetch", method: "GET", header: header("Sec-Fetch-Mode", "cors"), want: 401},
		{name: "fetch that accepts HTML", method: "GET", header: header("Sec-Fetch-Mode", "same-origin", "Accept", "text/html"), want: 401},
		{name: "image", method: "GET", header: header("Sec-Fetch-Mode", "no-cors"), want: 401},
		{name: "older browser", method: "GET", header: header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"), want: 303},
		{name: "older web view", method: "GET", header: header("Accept", "text/html,*/*;q=0.8", "X-Requested-With", "com.example.app"), want: 303},
		{name: "fragment of an older browser", method: "GET", header: header("Accept", "text/html, */*; q=0.01", "X-Requested-With", "XMLHttpRequest"), want: 401},
		{name: "script of an older browser", method: "GET", header: header("Accept", "application/json"), want: 401},
		{name: "every type accepted", method: "GET", header: header("Accept", "*/*"), want: 401},
		{name: "no header", method: "GET", header: header(), want: 401},
		{name: "form", method: "POST", header: header("Sec-Fetch-Mode", "navigate", "Accept", "text/html"), want: 401},
		{name: "PUT", method: "PUT", header: header("Accept", "text/html"), want: 401},
	}
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	h := e.require(signIn(t, "/login"))(showUser)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := get("/private?a=1&b=2", "", "")
			r.Method, r.Header = test.method, test.header
			res, _ := serve(h, r)
			want := []string{"", "no-store"}
			if test.want == 303 {
				want[0] = "/login?return_to=%2Fprivate%3Fa%3D1%26b%3D2"
			}
			if res.StatusCode != test.want {
				t.Errorf("status: %d, want %d", res.StatusCode, test.want)
			}
			if diff := cmp.Diff(want, []string{res.Header.Get("Location"), res.Header.Get("Cache-Control")}); diff != "" {
				t.Errorf("Location and Cache-Control (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignInSituations(t *testing.T) {
	want := map[string]string{
		"renewed": "200 renewed", "valid": "200 kept", "rejected": "303 cleared", "first refusal": "307 kept marked", "anonymous": "303 kept", "unavailable": "503 kept retry 1", "not storable": "503 kept retry 1",
	}
	for _, situation := range situations {
		t.Run(situation.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			r := situation.get(e, "/private")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			config := signIn(t, "/login")
			config.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) }
			res, _ := serve(e.require(config)(showUser), r)
			if diff := cmp.Diff(want[situation.name], testkit.ResponseOutcome(t, res)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReturnTo(t *testing.T) {
	tests := []struct {
		name, requestURI, want string
	}{
		{name: "path", requestURI: "/private", want: "/private"},
		{name: "path and query", requestURI: "/private?q=a%20b&r=/x", want: "/private?q=a%20b&r=/x"},
		{name: "escaped path", requestURI: "/a%2Fb%20c", want: "/a%2Fb%20c"},
		{name: "root", requestURI: "/", want: "/"},
		{name: "two slashes inside", requestURI: "/a//b", want: "/a//b"},
		{name: "dot segments, which no browser sends", requestURI: "/a/../b/./c", want: "/"},
		{name: "URL inside the path", requestURI: "/proxy/https://example.com/x?y=https://example.com//z", want: "/proxy/https://example.com/x?y=https://example.com//z"},
		{name: "bytes that net/url escapes otherwise", requestURI: "/a|b^c/%7e?q=d|e", want: "/a|b^c/%7e?q=d|e"},
		{name: "empty query", requestURI: "/private?", want: "/private?"},
		{name: "2,048 bytes", requestURI: "/" + strings.Repeat("a", 2047), want: "/" + strings.Repeat("a", 2047)},
		{name: "2,049 bytes", requestURI: "/" + strings.Repeat("a", 2048), want: ""},
		{name: "Location above 3,072 bytes", requestURI: "/" + strings.Repeat("%20", 680), want: ""},
		{name: "another host", requestURI: "//evil.example/x", want: "/"},
		{name: "another host, escaped", requestURI: "/%2Fevil.example", want: "/"},
		{name: "backslash", requestURI: `/\evil.example`, want: "/"},
		{name: "backslash, escaped", requestURI: "/%5Cevil.example", want: "/"},
		{name: "three slashes", requestURI: "///evil.example", want: "/"},
		{name: "tab", requestURI: "/%09/evil.example", want: "/"},
		{name: "line feed", requestURI: "/%0a/evil.example", want: "/"},
		{name: "backslash in the query", requestURI: `/private?a=\`, want: "/"},
		{name: "absolute form", requestURI: "https://evil.example/private?a=1", want: "/private?a=1"},
		{name: "absolute form of another host in the path", requestURI: "https://app.example//evil.example", want: "/"},
		{name: "asterisk form", requestURI: "*", want: "/"},
		{name: "empty", want: "/"},
	}
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	h := e.require(signIn(t, "/login?lang=en&return_to=old"))(showUser)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := get("/", "", "")
			r.RequestURI = test.requestURI
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Set("X-Forwarded-Host", "evil.example")
			r.Header.Set("X-Forwarded-Prefix", "//evil.example")
			res, _ := serve(h, r)
			location, err := res.Location()
			must(t, err)
			got := []string{location.Host, location.Path, location.Query().Get("lang"), location.Query().Get("return_to")}
			if diff := cmp.Diff([]string{"", "/login", "en", test.want}, got); diff != "" {
				t.Errorf("host, path, lang and return_to (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSignInPageBehindItsMiddleware asks for the sign-in page itself: a redirect
// would never end.
func TestSignInPageBehindItsMiddleware(t *testing.T) {
	tests := []struct {
		name   string
		signIn string
		path   string
		want   int
	}{
		{name: "page", signIn: "/login", path: "/login", want: 401},
		{name: "query", signIn: "/login?lang=en", path: "/login?lang=de&return_to=%2F", want: 401},
		{name: "trailing slash", signIn: "/login", path: "/login/", want: 401},
		{name: "escaped", signIn: "/login", path: "/%6Cogin", want: 401},
		{name: "front page", signIn: "/?sign-in=1", path: "/", want: 401},
		{name: "a proxy has removed the prefix", signIn: "/app/login", path: "/login?return_to=%2Fapp%2F", want: 401},
		{name: "below the page", signIn: "/login", path: "/login/help", want: 303},
		{name: "same last element", signIn: "/app/login", path: "/other/login", want: 303},
		{name: "return_to of another page", signIn: "/login", path: "/private?return_to=%2F", want: 303},
		{name: "front page of another page", signIn: "/login/", path: "/", want: 303},
	}
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := get(test.path, "", "")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			res, _ := serve(e.require(signIn(t, test.signIn))(showUser), r)
			if res.StatusCode != test.want {
				t.Errorf("status: %d, want %d (Location %q)", res.StatusCode, test.want, res.Header.Get("Location"))
			}
		})
	}
}

// Not every server sets Request.RequestURI. net/http/cgi and net/http/fcgi do not.
func TestReturnToInCGI(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	h := e.require(signIn(t, "/login"))(showUser)
	tests := []struct {
		name, requestURI, want string
	}{
		{name: "path and query", requestURI: "/private?a=1&b=2", want: "/login?return_to=%2Fprivate%3Fa%3D1%26b%3D2"},
		{name: "escaped path", requestURI: "/a%2Fb%20c", want: "/login?return_to=%2Fa%252Fb%2520c"},
		{name: "another host", requestURI: "//evil.example/x", want: "/login?return_to=%2F"},
		{name: "another host, escaped", requestURI: "/%2Fevil.example", want: "/login?return_to=%2F"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := cgi.RequestFromMap(map[string]string{
				"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "app.example", "REQUEST_URI": test.requestURI,
				"HTTP_SEC_FETCH_MODE": "navigate",
			})
			must(t, err)
			res, _ := serve(h, r)
			if diff := cmp.Diff(test.want, res.Header.Get("Location")); diff != "" {
				t.Errorf("Location (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReturnToBehindStripPrefix(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	h := http.StripPrefix("/app", e.require(signIn(t, "/login"))(showUser))
	r := get("/app/private?a=1", "", "")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, _ := serve(h, r)
	if diff := cmp.Diff("/login?return_to=%2Fapp%2Fprivate%3Fa%3D1", res.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-want +got):\n%s", diff)
	}
}

// Config.SignIn cannot be changed after the check.
func TestSignInIsACopy(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	config := signIn(t, "/login")
	h := e.require(config)(showUser)
	config.SignIn.Host = "evil.example"
	r := get("/", "", "")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, _ := serve(h, r)
	if diff := cmp.Diff("/login?return_to=%2F", res.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-want +got):\n%s", diff)
	}
}

func TestVary(t *testing.T) {
	tests := []struct {
		name   string
		before []string // set by outer code
		behind []string // added by the handler
		want   []string
	}{
		{name: "alone", want: []string{"Cookie"}},
		{name: "set before", before: []string{"Accept-Encoding"}, want: []string{"Accept-Encoding", "Cookie"}},
		{name: "set before in two lines", before: []string{"Accept", "Origin"}, want: []string{"Accept", "Origin", "Cookie"}},
		{name: "added behind", behind: []string{"Accept-Language"}, want: []string{"Cookie", "Accept-Language"}},
		{name: "alone again: responses do not share added values", want: []string{"Cookie"}},
	}
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	jwt, refresh := e.valid()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			before := append(make([]string, 0, 8), test.before...)
			if test.before != nil {
				w.Header()["Vary"] = before
			}
			e.require(middleware.Config{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for _, value := range test.behind {
					w.Header().Add("Vary", value)
				}
			})).ServeHTTP(w, get("/me", jwt, refresh))
			if diff := cmp.Diff(test.want, w.Header().Values("Vary")); diff != "" {
				t.Errorf("Vary (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff("", before[:len(before)+1][len(before)]); diff != "" {
				t.Errorf("the array of the caller was changed (-want +got):\n%s", diff)
			}
		})
	}
}
