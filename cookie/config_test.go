package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/google/go-cmp/cmp"
)

func TestConfigFaults(t *testing.T) {
	custom := func(jwt, refresh string) cookie.Names { return cookie.Names{JWT: jwt, RefreshToken: refresh} }
	tests := []struct {
		name   string
		config cookie.Config
		want   []string
	}{
		{"no project", cookie.Config{}, []string{"cookie: ProjectID is required"}},
		{"SameSite None over http", cookie.Config{ProjectID: "p", SameSite: http.SameSiteNoneMode, InsecureAllowHTTP: true},
			[]string{"cookie: SameSite None requires Secure"}},
		{"SameSite unknown", cookie.Config{ProjectID: "p", SameSite: 9}, []string{"cookie: unknown SameSite"}},
		{"lifetime negative", cookie.Config{ProjectID: "p", Lifetime: -time.Second}, []string{"cookie: Lifetime must be between 0 and 400 days"}},
		{"lifetime above 400 days", cookie.Config{ProjectID: "p", Lifetime: 401 * 24 * time.Hour}, []string{"cookie: Lifetime must be between 0 and 400 days"}},
		{"path relative", cookie.Config{ProjectID: "p", Path: "app"}, []string{"cookie: Path must begin with a slash"}},
		{"one name for both", cookie.Config{ProjectID: "p", Names: custom("a", "a")}, []string{"cookie: the two names must differ"}},
		{"JWT under the name of a refresh token", cookie.Config{ProjectID: "p", Names: custom(plainRefresh, "b")},
			[]string{"cookie: a JWT and a refresh token may not share the name crossmint-refresh-token"}},
		{"refresh token under the name of a JWT", cookie.Config{ProjectID: "p", Names: custom("a", "crossmint-jwt-p")},
			[]string{"cookie: a JWT and a refresh token may not share the name crossmint-jwt-p"}},
		{"one name missing", cookie.Config{ProjectID: "p", Names: custom("a", "")}, []string{"cookie: http: invalid Cookie.Name"}},
		{"name with a space", cookie.Config{ProjectID: "p", Names: custom("a b", "c")}, []string{"cookie: http: invalid Cookie.Name"}},
		{"host prefix with a Domain", cookie.Config{ProjectID: "p", Names: custom("__Host-j", "r"), Domain: "example.com"},
			[]string{"cookie: the prefix of __Host-j forbids a Domain"}},
		{"host prefix in other case", cookie.Config{ProjectID: "p", Names: custom("j", "__host-r"), Domain: "example.com"},
			[]string{"cookie: the prefix of __host-r forbids a Domain"}},
		{"host prefix with a path", cookie.Config{ProjectID: "p", Names: custom("__Host-j", "r"), Path: "/app"},
			[]string{"cookie: the prefix of __Host-j requires the Path /"}},
		{"host prefix over http", cookie.Config{ProjectID: "p", Names: custom("__Host-j", "r"), InsecureAllowHTTP: true},
			[]string{"cookie: the prefix of __Host-j requires Secure"}},
		{"secure prefix over http", cookie.Config{ProjectID: "p", Names: custom("j", "__SECURE-r"), InsecureAllowHTTP: true},
			[]string{"cookie: the prefix of __SECURE-r requires Secure"}},
		{"a prefix for HttpOnly", cookie.Config{ProjectID: "p", Names: custom("__Http-j", "__host-http-r")}, []string{
			"cookie: the prefix of __Http-j demands HttpOnly, which scripts that read the JWT cannot do with",
			"cookie: the prefix of __host-http-r demands HttpOnly, which scripts that read the JWT cannot do with",
		}},
		{"a project that is no part of a name", cookie.Config{ProjectID: "my project"}, []string{"cookie: ProjectID cannot be a part of a cookie's name"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := cookie.NewCodec(test.config)
			if err == nil {
				t.Fatal("no error")
			}
			var got []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				got = append(got, line)
			}
			if len(got) > 0 && strings.HasPrefix(got[0], "cookie: http: invalid Cookie.Name") {
				got[0] = "cookie: http: invalid Cookie.Name" // the rest differs between releases
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigFaultsAreJoined(t *testing.T) {
	_, err := cookie.NewCodec(cookie.Config{
		Names: cookie.Names{JWT: "a", RefreshToken: "a"}, Path: "app", Domain: "exa mple", Lifetime: -1,
		SameSite: http.SameSiteNoneMode, Partitioned: true, InsecureAllowHTTP: true,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"ProjectID", "names must differ", "Path", "Domain", "Lifetime", "SameSite None", "Partitioned"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in:\n%v", want, err)
		}
	}
}

func TestPresets(t *testing.T) {
	got := []cookie.Names{cookie.Documented(), cookie.Unscoped(), cookie.Scoped(project)}
	want := []cookie.Names{
		{JWT: documentedJWT, RefreshToken: plainRefresh},
		{JWT: unscopedJWT, RefreshToken: plainRefresh},
		{JWT: scopedJWT, RefreshToken: scopedRefresh},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestAttributes writes a session without an end, so that only what the
// configuration says shows.
func TestAttributes(t *testing.T) {
	tests := []struct {
		name   string
		config cookie.Config
		want   []string
	}{
		{"the zero value", cookie.Config{}, []string{
			"crossmint-session=J; Path=/; Secure; SameSite=Lax",
			"crossmint-refresh-token=R; Path=/; HttpOnly; Secure; SameSite=Lax",
		}},
		{"http", cookie.Config{InsecureAllowHTTP: true}, []string{
			"crossmint-session=J; Path=/; SameSite=Lax",
			"crossmint-refresh-token=R; Path=/; HttpOnly; SameSite=Lax",
		}},
		{"readable", cookie.Config{ReadableRefreshCookie: true}, []string{
			"crossmint-session=J; Path=/; Secure; SameSite=Lax",
			"crossmint-refresh-token=R; Path=/; Secure; SameSite=Lax",
		}},
		{"everything", cookie.Config{
			Names: cookie.Unscoped(), Domain: ".example.com", Path: "/app", SameSite: http.SameSiteStrictMode, Partitioned: true,
		}, []string{
			"crossmint-jwt=J; Path=/app; Domain=example.com; Secure; SameSite=Strict; Partitioned",
			"crossmint-refresh-token=R; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=Strict; Partitioned",
		}},
		{"other sites", cookie.Config{SameSite: http.SameSiteNoneMode}, []string{
			"crossmint-session=J; Path=/; Secure; SameSite=None",
			"crossmint-refresh-token=R; Path=/; HttpOnly; Secure; SameSite=None",
		}},
		{"SameSite default", cookie.Config{SameSite: http.SameSiteDefaultMode, Names: cookie.Scoped(project)}, []string{
			scopedJWT + "=J; Path=/; Secure; SameSite=Lax",
			scopedRefresh + "=R; Path=/; HttpOnly; Secure; SameSite=Lax",
		}},
		{"prefixes", cookie.Config{Names: cookie.Names{JWT: "__Secure-j", RefreshToken: "__Host-r"}}, []string{
			"__Secure-j=J; Path=/; Secure; SameSite=Lax",
			"__Host-r=R; Path=/; HttpOnly; Secure; SameSite=Lax",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := newCodec(t, test.config).Write(w, request(), grant("J", "R")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, w.Header()["Set-Cookie"]); diff != "" {
				t.Errorf("Set-Cookie (-want +got):\n%s", diff)
			}
		})
	}
}
