package middleware_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
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
		{"navigation", "GET", header("Sec-Fetch-Mode", "navigate"), 303},
		{"HEAD of a navigation", "HEAD", header("Sec-Fetch-Mode", "navigate"), 303},
		{"fetch", "GET", header("Sec-Fetch-Mode", "cors"), 401},
		{"fetch that accepts HTML", "GET", header("Sec-Fetch-Mode", "same-origin", "Accept", "text/html"), 401},
		{"image", "GET", header("Sec-Fetch-Mode", "no-cors"), 401},
		{"older browser", "GET", header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"), 303},
		{"older browser's script", "GET", header("Accept", "application/json"), 401},
		{"anything is accepted", "GET", header("Accept", "*/*"), 401},
		{"nothing said", "GET", header(), 401},
		{"form", "POST", header("Sec-Fetch-Mode", "navigate", "Accept", "text/html"), 401},
		{"PUT", "PUT", header("Accept", "text/html"), 401},
	}
	k := newKit(t, crossminttest.Config{}, session.Config{})
	h := k.require(signIn(t, "/login"))(whoami)
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

func TestSignInFates(t *testing.T) {
	want := map[string]string{
		"renewed": "200 renewed", "valid": "200 kept", "refused": "303 cleared", "anonymous": "303 kept", "undecided": "503 kept retry 1",
	}
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{})
			jwt, refresh := fate.bring(k)
			r := get("/private", jwt, refresh)
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			config := signIn(t, "/login")
			config.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) }
			res, _ := serve(k.require(config)(whoami), r)
			if diff := cmp.Diff(want[fate.name], verdict(t, res)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReturnTo(t *testing.T) {
	tests := []struct {
		name, requestURI, want string
	}{
		{"path", "/private", "/private"},
		{"path and query", "/private?q=a%20b&r=/x", "/private?q=a%20b&r=/x"},
		{"escaped path", "/a%2Fb%20c", "/a%2Fb%20c"},
		{"root", "/", "/"},
		{"another host", "//evil.example/x", "/"},
		{"another host, escaped", "/%2Fevil.example", "/"},
		{"backslash", `/\evil.example`, "/"},
		{"backslash, escaped", "/%5Cevil.example", "/"},
		{"three slashes", "///evil.example", "/"},
		{"tab", "/%09/evil.example", "/"},
		{"line feed", "/%0a/evil.example", "/"},
		{"backslash in the query", `/private?a=\`, "/"},
		{"absolute form", "https://evil.example/private?a=1", "/private?a=1"},
		{"absolute form of another host in the path", "https://app.example//evil.example", "/"},
		{"asterisk form", "*", "/"},
		{"nothing", "", "/"},
	}
	k := newKit(t, crossminttest.Config{}, session.Config{})
	h := k.require(signIn(t, "/login?lang=en&return_to=old"))(whoami)
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

func TestReturnToBehindStripPrefix(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	h := http.StripPrefix("/app", k.require(signIn(t, "/login"))(whoami))
	r := get("/app/private?a=1", "", "")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, _ := serve(h, r)
	if diff := cmp.Diff("/login?return_to=%2Fapp%2Fprivate%3Fa%3D1", res.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-want +got):\n%s", diff)
	}
}

// What was checked when it was wired cannot be changed afterwards.
func TestSignInIsACopy(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	config := signIn(t, "/login")
	h := k.require(config)(whoami)
	config.SignIn.Host = "evil.example"
	r := get("/", "", "")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, _ := serve(h, r)
	if diff := cmp.Diff("/login?return_to=%2F", res.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-want +got):\n%s", diff)
	}
}
